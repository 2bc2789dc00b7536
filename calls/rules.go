package calls

// Classes of an outbound call request: what the call is for. The provider's terms bind advertising and awareness to
// hours and, for advertising, to consent.
const (
	ClassService     = "service" // the default
	ClassAdvertising = "advertising"
	ClassAwareness   = "awareness"
	ClassWarning     = "warning"
)

// Names of the rules that decide on a dial.
const (
	RuleAllowed      = "allowed"       // no rule forbade it
	RulePrefix       = "prefix"        // the number is outside the prefixes that may be called
	RuleCallerID     = "caller-id"     // the caller ID is none that may be used
	RuleConsent      = "consent"       // advertising needs a consentRef
	RuleSuppressed   = "suppressed"    // the person is not to be called
	RulePersonDaily  = "person-daily"  // the person was called often enough that day
	RulePersonGap    = "person-gap"    // the person was called too short a time ago
	RuleClassHours   = "class-hours"   // calls of this class are not made at this hour
	RuleCallingHours = "calling-hours" // the request's own hours
)
