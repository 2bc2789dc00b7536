package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// sealed reads the history of the request that failed over, as anybody can who reaches Temporal, and has the codec listener
// decrypt it, as the browser does.
func (t *test) sealed(ctx context.Context) (string, error) {
	status, answer, err := t.client.send(ctx, http.MethodGet,
		t.client.at.ui+"/api/v1/namespaces/default/workflows/outbound:fails-over/history", nil, nil)
	if err != nil || status != http.StatusOK {
		return "", fmt.Errorf("history: %s", answered(status, err))
	}
	const number = "+966500000004"
	if strings.Contains(readable(answer), number) {
		return "", errors.New("Temporal shows the number")
	}
	var history struct {
		History struct {
			Events []struct {
				Started struct{ Input json.RawMessage } `json:"workflowExecutionStartedEventAttributes"`
			}
		}
	}
	if err := json.Unmarshal(answer, &history); err != nil || len(history.History.Events) == 0 {
		return "", fmt.Errorf("history without events: %w", err)
	}
	input := []byte(history.History.Events[0].Started.Input)
	decode := func(origin string) (int, []byte, error) {
		return t.client.send(ctx, http.MethodPost, t.client.at.codec+"/decode", input, func(r *http.Request) { r.Header.Set("Origin", origin) })
	}
	if status, _, err := decode("http://evil.example"); err != nil || status != http.StatusForbidden {
		return "", fmt.Errorf("another page asks to decode: %s", answered(status, err))
	}
	status, answer, err = decode(strings.Replace(t.client.at.ui, "127.0.0.1", "localhost", 1))
	if err != nil || status != http.StatusOK || !strings.Contains(readable(answer), number) {
		return "", fmt.Errorf("the UI asks to decode: %s: %s", answered(status, err), answer)
	}
	return "the codec listener decodes for the UI's origin alone", nil
}

// readable returns a JSON text with all of its base64 decoded beside it.
func readable(text []byte) string {
	out := bytes.NewBuffer(text)
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return r == '"' }) {
		if plain, err := base64.StdEncoding.DecodeString(word); err == nil {
			out.Write(plain)
		}
	}
	return out.String()
}

// inboxSealed looks for numbers in the bytes of the inbox's files.
func (t *test) inboxSealed(ctx context.Context) (string, error) {
	const look = `ls /volume && if grep -a -o -E '9665[0-9]{8}|96611000000[0-9]' /volume/* | head -3 | grep .; then exit 1; fi`
	out, err := t.inVolume(ctx, "inbox", look)
	return strings.Join(strings.Fields(out), " "), err
}

// claimed compares the claims in the dial ledger's volume with the calls of the simulator.
func (t *test) claimed(ctx context.Context) (string, error) {
	n, err := t.claims(ctx)
	if err != nil {
		return "", err
	}
	if len(t.placed) == 0 || n < len(t.placed) {
		return "", fmt.Errorf("%d claims of %d dials", n, len(t.placed))
	}
	return fmt.Sprintf("%d claims, %d dials", n, len(t.placed)), nil
}

func (t *test) claims(ctx context.Context) (int, error) {
	out, err := t.inVolume(ctx, "dials", "find /volume -type f -path '*dials*' | wc -l")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

// inVolume runs a shell command in a container that can read a volume.
func (t *test) inVolume(ctx context.Context, volume, command string) (string, error) {
	return t.compose.docker(ctx, "run", "--rm", "--network", "none", "-v", t.compose.project+"_"+volume+":/volume:ro", "--entrypoint", "sh",
		"postgres:17", "-c", command)
}
