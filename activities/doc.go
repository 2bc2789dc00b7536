// Package activities does what workflows may not: it talks to the provider, to Temporal, and to the store of
// recordings. Every dependency is a small interface declared here. Only errors.go builds Temporal application errors,
// and nothing wraps them: a wrapped one is retried again.
package activities
