// Package unifonic implements the provider's JSON: the notifications it posts, and the API that places, looks up and masks
// calls. It tolerates variants when it reads, and keeps values exactly. It decides nothing about what a status means for
// a call, never retries, never logs, and does not know Temporal or package calls.
//
// "The provider's reference, section n" in comments means docs/provider.md, which collects what the provider publishes; "the
// provider's webhook page" is its source S0, the page on call status notifications, whose wording wins.
package unifonic
