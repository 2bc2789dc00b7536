package contract

// Types of the errors of activities (temporal.ApplicationError) that several activities share.
const (
	ErrTypeProviderRefused = "PROVIDER_REFUSED" // not retried: the provider will refuse the request again
	ErrTypeProviderBusy    = "PROVIDER_BUSY"    // retried when the provider wants it
)
