//go:build !race

package unifonic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/unifonic"
)

// TestAllocations fails if reading a notification, with its event key, needs more allocations.
func TestAllocations(t *testing.T) {
	body := []byte(completed)
	got := testing.AllocsPerRun(100, func() {
		if _, err := (unifonic.Parser{}).Notification(body); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, got, 1.2*35)
}
