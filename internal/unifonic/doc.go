// Package unifonic knows the provider's JSON: the notifications it posts, and the API through which calls are placed,
// looked up and masked. It is tolerant in what it reads and exact in what it keeps. It owns no rule of ours about what
// a status means for a call, never retries, never logs, and knows nothing of Temporal or of package calls.
//
// "The provider's reference, section n" in comments means docs/provider.md, which collects what the provider publishes; "the
// provider's webhook page" is its source S0, the page on call status notifications, whose wording wins.
package unifonic
