// Package callstate is the pure state machine of a call: the provider's events in, our state out. The Call
// workflow, the late path of the dispatcher and the tests use the same functions. It knows nothing of Temporal and does
// no IO.
//
// A state keeps its evidence: the best event of every slot (leg, status, source, recording). Everything visible is computed
// from the whole evidence, so neither the order of events nor repetitions can matter.
package callstate
