package contract

// Edition is how the workflows behave that are started today. It travels in their input, so that a run goes on as it
// was begun: see package workflows. A release that changes what a workflow does counts it up.
const Edition = 1
