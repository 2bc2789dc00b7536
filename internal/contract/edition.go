package contract

// Edition is the behaviour of workflows that start today. It travels in their input, so that a run keeps the edition it
// started with: see package workflows. A release that changes what a workflow does increments it.
const Edition = 1
