package ledger

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/folder"
)

// The folders of the ledger.
const (
	dials      = "dials"
	persons    = "persons"
	suppressed = "suppressed"
	requests   = "requests" // the requests of idempotency keys
	notes      = "notes"    // of the ledger itself
	probes     = "probe"
)

// writeLimit is how long a write may take, readLimit how long reading back a failed write may take.
const (
	writeLimit = 3 * time.Second
	readLimit  = 2 * time.Second
)

// Ledger is an open ledger. It is safe for concurrent use, also by several processes.
type Ledger struct {
	objects objects
	where   string
}

// Open opens the ledger that a URL names: "file:" with a relative or an absolute path, which is created if it is missing,
// "s3://bucket?region=…", or the URL of any other Go CDK bucket that is linked in.
func Open(ctx context.Context, rawURL string) (*Ledger, error) {
	if strings.HasPrefix(rawURL, folder.Scheme) {
		dir, err := folder.Path(rawURL)
		if err != nil {
			return nil, fmt.Errorf("open dial ledger: %w", err)
		}
		files, err := openFiles(dir)
		if err != nil {
			return nil, fmt.Errorf("open dial ledger: %w", err)
		}
		return &Ledger{objects: files, where: dir}, nil
	}
	bucket, err := openBucket(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open dial ledger: %w", err)
	}
	return &Ledger{objects: bucket, where: place(rawURL)}, nil
}

// place returns the location of a bucket, without anything else that its URL may hold.
func place(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.Path + "/" + u.Query().Get("prefix")
}

// Where returns the ledger's location for people: a folder, or a bucket.
func (l *Ledger) Where() string { return l.where }

// Close releases the ledger.
func (l *Ledger) Close() error { return l.objects.close() }

// Post identifies one post of an attempt, with what is known of its claims.
type Post struct {
	Attempt string   // the attempt's referenceId
	Number  int      // from 1: the first number whose claim is not known to be used up
	Nonces  []string // of earlier claims that may have been written
}

// mostNonces is how many claims in doubt a post remembers: the first half and the last half.
const mostNonces = 32

// doubt records that a claim with this nonce may have been written, or may still be.
func (p Post) doubt(nonce string) Post {
	p.Nonces = append(slices.Clone(p.Nonces), nonce)
	if len(p.Nonces) > mostNonces {
		p.Nonces = slices.Delete(p.Nonces, mostNonces/2, mostNonces/2+1)
	}
	return p
}

// ErrTaken says that another execution has claimed the post: another worker with a copy of the same history, or an
// execution that a restored database has forgotten.
var ErrTaken = errors.New("the post was claimed by another execution")

// claim is the content of an object in dials.
type claim struct {
	Nonce string    `json:"nonce"`
	At    time.Time `json:"at"`
}

// Claim claims a post of an attempt for this execution, at most once for ever. On success the caller may post, and Number
// of the result is the post's number. The error is ErrTaken if another execution has the post: then nothing may be posted
// before the result of that one is known. After any other error nothing may be posted now; the next try must pass the
// returned Post.
//
// A claim of this history whose result was unknown, and which turns out to be written, is used up: two copies of the
// history may know its nonce, so neither may post by it. Claim claims the next number instead.
func (l *Ledger) Claim(ctx context.Context, p Post) (Post, error) {
	ctx = context.WithoutCancel(ctx)
	nonce := rand.Text()
	content, err := json.Marshal(claim{Nonce: nonce, At: time.Now().UTC()})
	if err != nil {
		return p, fmt.Errorf("encode a claim: %w", err)
	}
	p.Number = max(p.Number, 1)
	for {
		name := dials + "/" + p.Attempt + "#" + strconv.Itoa(p.Number)
		failed := within(ctx, writeLimit, func(ctx context.Context) error { return l.objects.create(ctx, name, content) })
		if failed == nil {
			return p, nil
		}
		found, err := l.claimed(ctx, name)
		switch {
		case err == nil && found == nonce:
			return p, nil
		case err == nil && slices.Contains(p.Nonces, found):
			p.Number, p.Nonces = p.Number+1, nil
		case err == nil:
			return p, ErrTaken
		default:
			return p.doubt(nonce), fmt.Errorf("claim a post: %w (read back: %w)", failed, err)
		}
	}
}

// claimed returns the nonce of a claim; "" if the claim cannot be understood, so it is not ours.
func (l *Ledger) claimed(ctx context.Context, name string) (string, error) {
	content, err := l.readObject(ctx, name)
	if err != nil {
		return "", err
	}
	var c claim
	if err := json.Unmarshal(content, &c); err != nil {
		return "", nil //nolint:nilerr // it exists, and is not ours
	}
	return c.Nonce, nil
}

// within runs f and waits at most limit for it: f may hang whatever its context says.
func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer within %s", limit)
	}
}
