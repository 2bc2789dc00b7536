// Package workflows holds aftercall's workflows: deterministic code only. Everything that touches the world is an
// activity; every rule about calls is a pure function of internal/callstate, internal/outbound or internal/masking.
// Settings arrive in a workflow's input, never from configuration.
package workflows
