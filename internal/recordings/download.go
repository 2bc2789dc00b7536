package recordings

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/audio"
	"github.com/aftercall/aftercall/internal/retryafter"
)

// download is a recording that is being fetched into a file.
type download struct {
	fetcher  *Fetcher
	url      *url.URL
	file     *os.File
	hash     hash.Hash // of the bytes in the file
	size     int64     // of the file
	total    int64     // of the whole recording; negative: not stated
	version  string    // the host's name for this version of the recording; empty: it cannot be resumed
	framed   bool      // the body ended where HTTP said
	progress func(int64)
}

// pull requests the missing bytes and appends them to the file.
func (d *download) pull(ctx context.Context) error {
	ctx, watch, stop := watchStall(ctx, d.fetcher.stall)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return refused(ReasonBadURL, d.url.Host)
	}
	req.Header.Set("Accept", "audio/*, */*;q=0.1")
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "aftercall")
	if d.size > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.size))
		req.Header.Set("If-Range", d.version)
	}
	var handshake handshake
	resp, err := d.fetcher.client.Do(req.WithContext(handshake.watch(ctx)))
	if err != nil {
		return d.explain(ctx, err, handshake)
	}
	defer func() { _ = resp.Body.Close() }()
	watch.moved(stallProgress)
	if err := d.accept(resp); err != nil {
		return err
	}
	if err := d.copy(ctx, resp.Body, watch); err != nil {
		return err
	}
	if d.total >= 0 && d.size < d.total {
		return transient(ReasonCutShort, d.url.Host)
	}
	return nil
}

// accept judges the head of a response, and makes the file fit the body.
func (d *download) accept(resp *http.Response) error {
	host := resp.Request.URL.Host
	if err := judgeStatus(resp, host); err != nil {
		return err
	}
	length := resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		start, total, ok := parseContentRange(resp.Header.Get("Content-Range"))
		if !ok || start != d.size || (d.size > 0 && d.total >= 0 && total >= 0 && total != d.total) {
			return transient(ReasonRangeMismatch, host)
		}
		if d.size == 0 { // not asked for: some caches send the whole file this way
			if err := d.restart(); err != nil {
				return err
			}
			d.total, d.version = -1, version(resp.Header)
		}
		d.total = max(d.total, total)
	} else {
		if err := d.restart(); err != nil {
			return err
		}
		d.total, d.version = length, version(resp.Header)
	}
	d.framed = length >= 0 || slices.Contains(resp.TransferEncoding, "chunked")
	if d.total > d.fetcher.max {
		return refused(ReasonTooLarge, host)
	}
	return nil
}

// judgeStatus turns every status but 200 and 206 into an error.
func judgeStatus(resp *http.Response, host string) error {
	e := &FetchError{Verdict: VerdictTransient, Reason: fmt.Sprintf(reasonStatusTemplate, resp.StatusCode), Host: host, Status: resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Verdict = VerdictForbidden
	case http.StatusGone:
		e.Verdict = VerdictDead
	case http.StatusNotFound:
		e.Verdict, e.Reason = VerdictMissing, ReasonNotFound
	default:
		e.RetryAfter = retryafter.Read(resp.Header, time.Now())
	}
	return e
}

// copy appends a body to the file.
func (d *download) copy(ctx context.Context, body io.Reader, watch *stall) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			watch.moved(n)
			if err := d.append(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return d.explain(ctx, err, handshake{})
		}
	}
}

// append adds bytes of the body to the file. It fails at once if they cannot become a recording.
func (d *download) append(p []byte) error {
	if d.size+int64(len(p)) > d.fetcher.max {
		return refused(ReasonTooLarge, d.url.Host)
	}
	if _, err := d.file.Write(p); err != nil {
		return fmt.Errorf("keep what was fetched: %w", err)
	}
	d.hash.Write(p)
	sniffed := d.size >= audio.SniffLength
	if d.size += int64(len(p)); !sniffed && d.size >= audio.SniffLength {
		head := make([]byte, audio.SniffLength)
		if _, err := d.file.ReadAt(head, 0); err != nil {
			return fmt.Errorf("read what was fetched: %w", err)
		}
		if audio.IsText(head) {
			return &FetchError{Verdict: VerdictNotAudio, Reason: ReasonNotAudio, Host: d.url.Host}
		}
	}
	if d.progress != nil {
		d.progress(d.size)
	}
	return nil
}

// restart empties the file.
func (d *download) restart() error {
	d.hash.Reset()
	d.size = 0
	if err := d.file.Truncate(0); err != nil {
		return fmt.Errorf("empty the file: %w", err)
	}
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind the file: %w", err)
	}
	return nil
}

// resumable reports whether the rest may be requested after an error, that is, if only the connection failed.
func (d *download) resumable(err error) bool {
	e, ok := errors.AsType[*FetchError](err)
	return ok && e.Verdict == VerdictTransient && d.version != "" &&
		slices.Contains([]string{ReasonCutShort, ReasonStalled, ReasonUnreachable}, e.Reason)
}

// version returns a value for If-Range: a strong entity tag, else the time of the last change.
func version(h http.Header) string {
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return h.Get("Last-Modified")
}

// parseContentRange reads "bytes <start>-<end>/<total>". It returns a negative total if none is stated.
func parseContentRange(s string) (start, total int64, ok bool) {
	span, of, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	if !ok || !strings.HasPrefix(s, "bytes ") {
		return 0, 0, false
	}
	first, _, ok := strings.Cut(span, "-")
	if !ok {
		return 0, 0, false
	}
	start, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if of == "*" {
		return start, -1, true
	}
	total, err = strconv.ParseInt(of, 10, 64)
	return start, total, err == nil
}
