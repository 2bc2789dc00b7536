package dispatch

// What the tests need to see.
var (
	ReasonOf   = reasonOf
	RetryDelay = retryDelay
)
