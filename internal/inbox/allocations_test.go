//go:build !race

package inbox_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/keys"
)

// TestAllocations fails if appending a sealed notification needs more allocations.
func TestAllocations(t *testing.T) {
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(t, err)
	in := open(t, filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{Keys: ring})
	body, n := bytes.Repeat([]byte("x"), 700), 0
	got := testing.AllocsPerRun(200, func() {
		n++
		if _, err := in.Append(t.Context(), inbox.Notification{EventKey: fmt.Sprintf("v1-%064x", n), CallKey: fmt.Sprint("call-", n), Body: body}); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, got, 1.2*45)
}
