package access_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/access"
)

func TestKeysAndScopes(t *testing.T) {
	t.Parallel()
	all := []access.Scope{access.Call, access.Read, access.Listen}
	for text, want := range map[string]struct {
		secret string
		scopes []access.Scope
	}{
		"shop:k1":             {"k1", all},
		"shop:k1:read":        {"k1", []access.Scope{access.Read}},
		"shop:k1:read+erase":  {"k1", []access.Scope{access.Read, access.Erase}},
		"shop:a:b":            {"a:b", all}, // keys with a colon are older than scopes
		"shop:a:b:call":       {"a:b", []access.Scope{access.Call}},
		"shop:k1:raed":        {"k1:raed", all},
		"shop:k1:":            {"k1:", all},
		"shop:k1:read+":       {"k1:read+", all},
		"shop::read":          {":read", all},
		"shop:k1:call+listen": {"k1", []access.Scope{access.Call, access.Listen}},
	} {
		g := access.NewGrants(nil, []string{text})
		key, ok := g.Key(want.secret)
		require.True(t, ok, text)
		require.Equal(t, access.Key{Name: "shop", Scopes: want.scopes}, key, text)
		for _, wrong := range []string{"", "shop", text, want.secret + "x"} {
			_, ok := g.Key(wrong)
			require.False(t, ok, "%s with %s", text, wrong)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	g := access.NewGrants([]string{"u:one"}, []string{"shop:old", "shop:new"})
	for _, secret := range []string{"old", "new"} {
		key, ok := g.Key(secret)
		require.True(t, ok)
		require.Equal(t, "shop", key.Name)
	}
	g.Replace([]string{"u:two"}, []string{"shop:new"})
	_, ok := g.Key("old")
	require.False(t, ok)
	require.False(t, g.Credential("u", "one"))
	require.True(t, g.Credential("u", "two"))
}

func TestWeaknessesShowNoSecret(t *testing.T) {
	t.Parallel()
	strong := "0123456789abcdef"
	require.Empty(t, access.Weaknesses([]string{"u:" + strong}, []string{"a:" + strong + "1", "a:" + strong + "2:read"}))
	for _, tc := range []struct{ credentials, keys []string }{
		{credentials: []string{"u:short"}},
		{keys: []string{"a:short"}},
		{keys: []string{strong + strong + ":" + strong + strong}},
		{keys: []string{"a:" + strong + ":raed"}},
		{keys: []string{"a:" + strong, "b:" + strong}},
	} {
		found := access.Weaknesses(tc.credentials, tc.keys)
		require.Len(t, found, 1, "%v", tc)
		require.NotContains(t, found[0], "short")
	}
}

func TestFailuresAreCountedByAddressAndMinute(t *testing.T) {
	t.Parallel()
	var f access.Failures
	now := time.Now()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	told := 0
	for i := range 500 {
		count, wait := f.Failed(a, now)
		require.Equal(t, i+1, count)
		require.Equal(t, i >= 100, wait > 0)
		if access.Told(count) {
			told++
		}
	}
	require.Equal(t, 11, told)
	_, wait := f.Failed(b, now)
	require.Zero(t, wait)
	count, wait := f.Failed(a, now.Add(time.Minute))
	require.Equal(t, 1, count)
	require.Zero(t, wait)
	for i := range 30_000 { // as many addresses as somebody has cost no more memory than this
		f.Failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now.Add(time.Minute))
	}
}

func TestSecretIsWhatAClientSends(t *testing.T) {
	for text, want := range map[string]string{
		"shop:k1": "k1", "shop:k1:read": "k1", "shop:k1:read+erase": "k1", "shop:with:colon": "with:colon",
	} {
		require.Equal(t, want, access.Secret(text))
	}
}
