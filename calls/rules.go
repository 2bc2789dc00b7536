package calls

// Classes of an outbound call request, by its purpose. The provider's terms restrict advertising and awareness to certain
// hours, and advertising to persons who consented.
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
	RuleCallerID     = "caller-id"     // the caller ID is not one of those allowed
	RuleConsent      = "consent"       // advertising needs a consentRef
	RuleSuppressed   = "suppressed"    // the person is suppressed
	RulePersonDaily  = "person-daily"  // the person was called often enough that day
	RulePersonGap    = "person-gap"    // the person was called too short a time ago
	RuleClassHours   = "class-hours"   // the hours of this class
	RuleCallingHours = "calling-hours" // the request's own hours
)
