package workflows

import (
	"fmt"
	"net/url"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/wording"
)

// show writes the search attribute and the current details for the operator.
func (c *callback) show(ctx workflow.Context) {
	if !c.changed {
		return
	}
	c.changed = false
	workflow.SetCurrentDetails(ctx, c.details())
	now := c.needs()
	if now == c.attention {
		return
	}
	update := calls.AttributeCallAttention.ValueUnset()
	if now != "" {
		update = calls.AttributeCallAttention.ValueSet(now)
	}
	if writeAttributes(ctx, update) {
		c.attention = now
	}
}

// mostShown is how many messages the details name.
const mostShown = 20

// details returns what an operator reads: what was delivered, what was not, and what can be done. Of the URL it shows only
// the host.
func (c *callback) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Posts to %s what is told of `%s`: %d delivered, %d not yet.\n", wording.Code(hostOf(c.in.URL)), c.in.Subject, c.in.Count, c.pending())
	shown := 0
	for _, l := range c.lanes {
		for _, m := range l.queue {
			if shown++; shown <= mostShown {
				describeCallback(&b, m)
			}
		}
	}
	if shown > mostShown {
		fmt.Fprintf(&b, "\n- and %d more\n", shown-mostShown)
	}
	if c.in.Dropped > 0 {
		fmt.Fprintf(&b, "\n**%d were dropped**: %d waited already. The API has what they would have told.\n", c.in.Dropped, maxCallbacks)
	}
	if c.needs() != "" {
		fmt.Fprintf(&b, "\n`aftercall callback retry %s`, or update `%s`, sends all of them again.\n", c.id, contract.UpdateRetryNow.Name)
	}
	return b.String()
}

func describeCallback(b *strings.Builder, m contract.CallbackMessage) {
	fmt.Fprintf(b, "\n- %s", m.Type)
	if m.Revision > 0 {
		fmt.Fprintf(b, ", revision %d", m.Revision)
	}
	fmt.Fprintf(b, ", `%s`, of %s", m.ID, operatorTime(m.At))
	if m.LastTry != nil {
		fmt.Fprintf(b, ": last failure %s", m.LastTry.Reason)
	}
	switch {
	case m.GivenUp:
		fmt.Fprintf(b, ". **Given up**; kept for %s\n", wording.Duration(callbackKeptFor))
	case m.Late:
		fmt.Fprintf(b, ". **Late**, tried until %s\n", operatorTime(m.Since.Add(callbackTriedFor)))
	default:
		b.WriteString(", under way\n")
	}
}

// hostOf returns the host of a URL, without anything else.
func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Host
}
