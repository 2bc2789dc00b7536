// Package activities does the IO that workflows may not do: with the provider, Temporal, and the recordings store. Every
// dependency is a small interface declared here. Only errors.go builds Temporal application errors, and nothing wraps them,
// because a wrapped one is retried.
package activities
