package calls

// Types of the errors that the functions of this package return in a business workflow (temporal.ApplicationError, see
// its Type). None of them is retried by itself.
const (
	ErrTypeAwaitTimeout   = "AWAIT_TIMEOUT"   // nothing came in time; what was waited for goes on
	ErrTypeNotTaken       = "NOT_TAKEN"       // no worker of aftercall took the request in time: surely nobody was dialled
	ErrTypeInvalidRequest = "INVALID_REQUEST" // the request breaks a rule, which the message names
	ErrTypeConflict       = "CONFLICT"        // another request was made under the same referenceId
	ErrTypeCallLost       = "CALL_LOST"       // the call's workflow ended without a result, so its outcome is unknown
	ErrTypeNoRecording    = "NO_RECORDING"    // the call is over and no recording of it was made
	ErrTypeNotFound       = "NOT_FOUND"       // no such request runs, or no such mask is known
)
