// Package outbound decides everything about an outbound call request: whether to dial, from which caller ID, what to
// ask the call log, what the outcome is, and when all is over. It owns the promise that no attempt dials twice and no
// request dials more often than it may. It knows nothing of Temporal and does no IO: a Machine is told what happened
// (Event) and answers what is to be done (Command); package workflows carries that out.
//
// Phone calls cost money and wake people up, so doubt never dials. What cannot have rung a phone may be tried again;
// what may have is settled by a notification or by the call log; and whatever says that somebody picked up ends it.
package outbound
