// Package callstate is the pure state machine of a call: what the provider said in, what we make of it out. The Call
// workflow, the late path of the dispatcher and the tests use the same functions. It knows nothing of Temporal and does
// no IO.
//
// A state keeps its evidence: the best event of every slot (leg, status, source, recording). Everything visible is
// derived from the evidence as a whole, so neither the order of events nor how often each comes can matter.
package callstate
