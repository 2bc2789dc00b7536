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

func TestParties(t *testing.T) {
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(t, err)
	n := ids.Namer{Hash: ring.Hash()}
	const e164 = "+966500000005"
	forms := n.PartyForms(e164)
	for _, spelling := range []string{e164, "00966 50 000 0005", "966500000005", "0500000005", "500 000 005", "sip:+966500000005@host"} {
		hashes := n.Parties(spelling)
		require.Len(t, hashes, 1, spelling)
		require.Contains(t, forms, hashes[0], spelling)
	}
	for _, none := range []string{"", "anonymous", "+9665*****05", "9.665E+11", "911"} {
		require.Empty(t, n.Parties(none), none)
	}
	require.NotContains(t, forms, n.Parties("+966500000006")[0])
	require.Empty(t, ids.Namer{}.Parties(e164), "without a key nobody is found")
}

func TestReferences(t *testing.T) {
	text := keys.New(time.Now())
	ring, err := text.Ring()
	require.NoError(t, err)
	with, without := ids.Namer{Hash: ring.Hash()}, ids.Namer{}
	const telling, plain = "order of 0501234567", "c0ffee-42"
	require.Equal(t, []string{"idem-db82a05fd04e4656aa5d653b1bcf87dd0b7e57fd"}, without.References(plain), "as ever")
	require.Equal(t, without.References(plain), with.References(plain), "it tells nobody's number")
	forms := with.References(telling)
	require.Len(t, forms, 2)
	require.Regexp(t, `^idem-[0-9a-f]{40}$`, forms[0])
	require.Equal(t, without.References(telling), forms[1:])
	require.NotEqual(t, forms[0], with.References(telling + " ")[0])

	// Another encryption key changes nothing.
	require.NoError(t, ring.Replace(keys.New(time.Now()).Encryption))
	require.Equal(t, forms, ids.Namer{Hash: ring.Hash()}.References(telling))
}
