//go:build !race

package recordings_test

// memoryLimit is how much the process may grow by.
const memoryLimit = 64 << 20
