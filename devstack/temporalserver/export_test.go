package temporalserver

// HoldsTasks is for tests.
var HoldsTasks = holdsTasks
