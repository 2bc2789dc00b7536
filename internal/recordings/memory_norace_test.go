//go:build !race

package recordings_test

// memoryLimit bounds the growth of the process.
const memoryLimit = 64 << 20
