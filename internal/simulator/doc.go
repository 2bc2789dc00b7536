// Package simulator is a stand-in for Unifonic, which publishes no sandbox: a real HTTP server with the provider's
// documented shapes and quirks that posts real notifications and serves real recordings.
//
// The last two digits of the called number choose the course of the call (see [Endings]). One listener serves the
// provider's API under /v1, recording downloads under /recordings, and the controls for testers under /simulator.
//
// It shares no code with the rest of the product, so that client and stand-in cannot share a bug, and it must never be
// linked into the product. No log line of it holds a whole phone number or a credential.
package simulator
