// Package outbound decides everything about an outbound call request: whether to dial, from which caller ID, what to ask
// the call log, what the outcome is, and when all is over. It keeps the promise that no attempt dials twice and no request
// dials more often than it may. It knows nothing of Temporal and does no IO: a Machine receives an Event and returns
// Commands, which package workflows carries out.
//
// Phone calls cost money and wake people up, so doubt never dials. A post that cannot have rung a phone may be repeated.
// One that may have rung is settled by a notification or the call log. Any sign that somebody answered ends the request.
package outbound
