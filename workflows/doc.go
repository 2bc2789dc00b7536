// Package workflows holds aftercall's workflows: deterministic code only. All IO is in activities. Every rule about calls
// is a pure function of internal/callstate, internal/outbound or internal/masking. Settings arrive in a workflow's input,
// never from configuration.
package workflows
