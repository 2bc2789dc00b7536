// Package rules decides which dials are allowed. A rule has a name (calls.Rule…), which a refused request gets. The package
// is pure: the caller passes earlier dials, and phone numbers are looked at and never kept.
//
// The Saudi rules are those of the provider's voice terms, 5.1.2: advertising needs the explicit consent of the person
// called, and the caller has to prove it; advertising and awareness calls are not made from 22:00 to 09:00, in Ramadan
// from 01:00 to 12:00; service calls and warnings have no such hours; a person who asks not to be called is not called again.
package rules
