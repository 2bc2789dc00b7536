package unifonic_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/internal/unifonic"
)

// tokens reads a value with the tokens of encoding/json: slower, and certainly right.
func tokens(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if delim, ok := token.(json.Delim); err != nil || !ok {
		return token, err
	} else if depth++; depth > 32 {
		return nil, errors.New("too deep")
	} else if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := tokens(d, depth)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	o := unifonic.Object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := tokens(d, depth)
		if err != nil {
			return nil, err
		}
		if _, dup := o[name.(string)]; !dup {
			o[name.(string)] = v
		}
	}
	_, err = d.Token()
	return o, err
}

func sameAsTokens(t require.TestingT, text []byte) {
	plain := unifonic.ToUTF8(text)
	got, err := unifonic.Decode(text)
	if !json.Valid(plain) {
		require.Error(t, err)
		return
	}
	d := json.NewDecoder(bytes.NewReader(plain))
	d.UseNumber()
	want, wantErr := tokens(d, 0)
	require.Equal(t, wantErr != nil, err != nil, "%v %v", wantErr, err)
	if wantErr == nil {
		require.Equal(t, want, got)
	}
}

func TestDecodingReadsWhatTokensRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, ` `, `{}`, ` [ ] `, `{"a":{},"b":[[],{}],"a":2}`, `[1,-0.5e+7 ,2]`, `"x\"\\"`, `{"\u0061":"\ud83d\ude00\n","b\\":null}`, `tru`, `{"a"}`, `[1,]`, `{"a":1,}`,
		strings.Repeat(`[`, 32) + strings.Repeat(`]`, 32), strings.Repeat(`[`, 33) + strings.Repeat(`]`, 33),
		strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat(`}`, 33), strings.Repeat(`[`, 20000) + strings.Repeat(`]`, 20000),
		`[[1,` + strings.Repeat(`[`, 32) + strings.Repeat(`]`, 32) + `],{"b":"c"}]`,
	} {
		sameAsTokens(t, []byte(text))
	}
	files, err := filepath.Glob("testdata/notifications/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		sameAsTokens(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(value(4).Draw(t, "value"))
		if rapid.Bool().Draw(t, "damaged") && len(text) > 0 {
			text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		sameAsTokens(t, text)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(completed))
	f.Fuzz(func(t *testing.T, text []byte) { sameAsTokens(t, text) })
}
