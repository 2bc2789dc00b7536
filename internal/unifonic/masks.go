package unifonic

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maskIDPlace stands for the mask's id in a path.
const maskIDPlace = "{maskId}"

// MaskPaths are paths below the base URL, tried in order: the next one only if the provider answered 403 or 404 on the
// one before. The provider's guide and its API description disagree on these (the provider's reference, section 1.5);
// "{maskId}" stands for the id.
type MaskPaths struct {
	CreateOneWay []string
	Delete       []string
}

func (p MaskPaths) withDefaults() MaskPaths {
	if len(p.CreateOneWay) == 0 {
		p.CreateOneWay = []string{"providers/masks", "providers/config/masks"}
	}
	if len(p.Delete) == 0 {
		p.Delete = []string{"providers/masks/" + maskIDPlace, "providers/" + maskIDPlace}
	}
	return p
}

// notMasks are the endpoints beside "providers/{maskId}": a mask id with such a name must never delete one of them.
var notMasks = []string{"masks", "config", "webhook", "queues", "voice-call-log"}

// MaskActive is the status of a mask that accepts calls.
const MaskActive = "active"

// Mask is a number masking session as the provider shows it. It carries phone numbers.
type Mask struct {
	MaskID    string
	CallerID  string     // the masking number
	Status    string     // lower case: "active" or "inactive"
	From, To  string     // not in every answer
	CreatedAt *time.Time // the provider names no zone: prefer your own clock
}

// CreateMaskRequest asks for a masking session between two parties or, without From, from anybody to To. It carries
// phone numbers, in E.164.
type CreateMaskRequest struct {
	From string
	To   string
}

type maskBody struct {
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

// CreateMask opens a masking session. It sends the request at most once per path, and to the next path only after a
// refusal. Every error is a *CallError, whose verdict says whether a session may have been opened nevertheless. Besides
// 400 and 403, 404 is final here: no documented path exists.
func (c *Client) CreateMask(ctx context.Context, r CreateMaskRequest) (Mask, error) {
	const op = "create mask"
	paths := []string{"providers/masks"}
	if r.From == "" {
		paths = c.paths.CreateOneWay
	}
	a := c.firstNotRefused(ctx, paths, request{method: http.MethodPost, body: maskBody(r), once: true})
	if !a.ok() {
		e := c.callError(op, a, "")
		if a.refused() {
			e.Verdict, e.Final = VerdictNotPlaced, true
		}
		return Mask{}, e
	}
	o, err := decodeObjectBody(a.body, "maskId")
	if err != nil {
		return Mask{}, c.callError(op, a, "accepted, but the answer cannot be read: "+err.Error())
	}
	m := c.mask(o)
	if m.MaskID == "" {
		return Mask{}, c.callError(op, a, "accepted, but the answer names no maskId")
	}
	return m, nil
}

// MaskFilter limits a list of masks. Zero values do not limit.
type MaskFilter struct {
	CreatedFrom, CreatedTo time.Time
	Status                 string // "active" or "inactive"
	Descending             bool
}

const maskTime = "2006-01-02 15:04:05"

// Masks lists masking sessions. Whether the list comes in pages is undocumented. Errors are *APIError.
func (c *Client) Masks(ctx context.Context, f MaskFilter) ([]Mask, error) {
	const op = "list masks"
	q := url.Values{"sort": {"asc"}}
	if f.Descending {
		q.Set("sort", "desc")
	}
	if !f.CreatedFrom.IsZero() {
		q.Set("fromDate", f.CreatedFrom.In(c.location).Format(maskTime))
	}
	if !f.CreatedTo.IsZero() {
		q.Set("toDate", f.CreatedTo.In(c.location).Format(maskTime))
	}
	if f.Status != "" {
		q.Set("status", f.Status)
	}
	a := c.do(ctx, request{method: http.MethodGet, path: "providers/masks", query: q, appsID: c.maskingAppsID})
	if !a.ok() {
		return nil, c.apiError(op, a, "")
	}
	v, err := decode(a.body)
	if err != nil {
		return nil, c.apiError(op, a, "the answer cannot be read: "+err.Error())
	}
	list, listed := objects(v, "maskId")
	masks := []Mask{}
	for _, o := range list {
		if m := c.mask(o); m.MaskID != "" {
			masks = append(masks, m)
		}
	}
	if !listed || len(masks) < len(list) {
		return nil, c.apiError(op, a, "the answer is no list of masks")
	}
	return masks, nil
}

// DeleteMask deactivates a masking session. It may be repeated: a session that no longer exists is no error. Errors are
// *APIError.
func (c *Client) DeleteMask(ctx context.Context, maskID string) error {
	_, err := c.onMask(ctx, "delete mask", http.MethodDelete, c.paths.Delete, maskID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// MaskRecordingURLs lists the recordings of all calls of a session, without saying to which call each belongs. The URLs
// are secrets. Errors: ErrNotFound, else *APIError.
func (c *Client) MaskRecordingURLs(ctx context.Context, maskID string) ([]string, error) {
	const op = "list mask recordings"
	a, err := c.onMask(ctx, op, http.MethodGet, []string{"providers/masks/recording-urls/" + maskIDPlace}, maskID)
	if err != nil {
		return nil, err
	}
	o, err := decodeObjectBody(a.body, "recordingUrls")
	if err != nil {
		return nil, c.apiError(op, a, "the answer cannot be read: "+err.Error())
	}
	value, said := o["recordingUrls"]
	list, ok := value.([]any)
	if !said || !ok && value != nil {
		return nil, c.apiError(op, a, "the answer lists no recordings")
	}
	urls := []string{}
	for _, item := range list {
		if s, ok := item.(string); ok && !saysNothing(clean(s)) {
			urls = append(urls, clean(s))
		}
	}
	return urls, nil
}

// onMask makes a request about one mask. The mask counts as missing only if an existing path says so: 404 from one
// documented path and 403, the gateway's answer for unknown paths, from the other.
func (c *Client) onMask(ctx context.Context, op, method string, paths []string, maskID string) (answer, error) {
	escaped, ok := part(maskID)
	if !ok || slices.Contains(notMasks, maskID) {
		return answer{}, ErrNotFound
	}
	filled := make([]string, len(paths))
	for i, p := range paths {
		filled[i] = strings.ReplaceAll(p, maskIDPlace, escaped)
	}
	a := c.firstNotRefused(ctx, filled, request{method: method})
	switch {
	case a.ok():
		return a, nil
	case a.status == http.StatusNotFound:
		return a, ErrNotFound
	default:
		return a, c.apiError(op, a, "")
	}
}

// firstNotRefused makes the request at each path until one does not refuse it, and returns that answer. If all refuse, it
// returns the last 404, or else the last answer.
func (c *Client) firstNotRefused(ctx context.Context, paths []string, r request) answer {
	r.appsID = c.maskingAppsID
	var last, missing answer
	for _, p := range paths {
		r.path = p
		if last = c.do(ctx, r); !last.refused() {
			return last
		}
		if last.status == http.StatusNotFound {
			missing = last
		}
	}
	if missing.status != 0 {
		return missing
	}
	return last
}

func (c *Client) mask(o object) Mask {
	return Mask{
		MaskID:    o.said("maskId"),
		CallerID:  number(o.said("callerId")),
		Status:    strings.ToLower(o.text("status")),
		From:      number(o.said("from")),
		To:        number(o.said("to")),
		CreatedAt: o.time(c.location, "timeCreation"),
	}
}
