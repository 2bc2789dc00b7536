//go:build race

package recordings_test

// memoryLimit bounds the growth of the process, with the race detector's notes on each byte.
const memoryLimit = 160 << 20
