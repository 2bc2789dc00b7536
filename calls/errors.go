package calls

// Types of the errors that the functions of this package return in a business workflow (temporal.ApplicationError, see its
// Type). Temporal retries none of them.
const (
	ErrTypeAwaitTimeout   = "AWAIT_TIMEOUT"   // nothing arrived in time; the call or request continues
	ErrTypeNotTaken       = "NOT_TAKEN"       // no worker of aftercall accepted the request in time: certainly nobody was dialled
	ErrTypeInvalidRequest = "INVALID_REQUEST" // the request breaks a rule, which the message names
	ErrTypeConflict       = "CONFLICT"        // a different request has the same referenceId
	ErrTypeCallLost       = "CALL_LOST"       // the call's workflow ended without a result, so its outcome is unknown
	ErrTypeNoRecording    = "NO_RECORDING"    // the call is over and no recording of it was made
	ErrTypeNotFound       = "NOT_FOUND"       // no such request runs, or the mask is unknown
)

// ErrTypeSubscribed is the type of the error of an activity that stays while its wait lasts: Temporal shows it as the last
// failure of a pending activity, with the time of the next try. It is no failure, and no function returns it.
const ErrTypeSubscribed = "SUBSCRIBED"
