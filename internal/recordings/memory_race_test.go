//go:build race

package recordings_test

// memoryLimit is how much the process may grow by, with what the race detector notes of each byte.
const memoryLimit = 160 << 20
