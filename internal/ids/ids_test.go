package ids_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/phone"
)

func TestKey(t *testing.T) {
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(t, err)
	with, without := ids.Namer{Hash: ring.Hash()}, ids.Namer{}
	require.Regexp(t, `^hmac-[0-9a-f]{32}$`, with.Key("c-966501234567"))
	require.Equal(t, "order-7", with.Key("order-7"))
	require.Equal(t, calls.Key("a b"), with.Key("a b"))
	require.Equal(t, "c-966501234567", without.Key("c-966501234567"))
	rapid.Check(t, func(t *rapid.T) {
		key := with.Key(rapid.String().Draw(t, "id"))
		require.Equal(t, key, with.Key(key))
		require.Equal(t, key, calls.Key(key), "fit for an id")
		require.False(t, phone.Telling(key))
	})
}
