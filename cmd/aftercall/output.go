package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/phone"
)

// show prints an answer: the raw JSON, or, decoded into T, a form for people.
func show[T any](c *cli, raw json.RawMessage, human func(T)) error {
	if c.output == "json" {
		return c.printJSON(raw)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	human(v)
	return nil
}

func (c *cli) printJSON(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	_, err = fmt.Fprintln(c.out, b.String())
	return err
}

func (c *cli) println(a ...any) { _, _ = fmt.Fprintln(c.out, a...) }

// table prints rows under a header. If they are too wide, it prints each row as a list of fields, so that no id is cut. It
// omits empty columns.
func (c *cli) table(title string, header table.Row, rows []table.Row) {
	c.println(title)
	if len(rows) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleRounded)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(header)
	t.AppendRows(rows)
	t.SuppressEmptyColumns()
	rendered := t.Render()
	if first, _, _ := strings.Cut(rendered, "\n"); text.StringWidthWithoutEscSequences(first) <= c.width() {
		c.println(rendered)
		return
	}
	for i, row := range rows {
		if i > 0 {
			c.println()
		}
		pairs := make([]string, 0, 2*len(row))
		for j, cell := range row {
			pairs = append(pairs, fmt.Sprint(header[j]), fmt.Sprint(cell))
		}
		c.pairs(pairs)
	}
}

// counted returns a number with its noun, in the plural unless it is one.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// defaultWidth is the width in columns of an output that is no terminal.
const defaultWidth = 80

// width returns how many columns the output has.
func (c *cli) width() int {
	if f, ok := c.terminal(); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return defaultWidth
}

// terminal returns the output's terminal. ok is false if it is none.
func (c *cli) terminal() (*os.File, bool) {
	f, ok := c.out.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// fields prints one name and value per line. It omits empty values.
func (c *cli) fields(title string, pairs ...string) {
	c.println(title)
	c.pairs(pairs)
}

// pairs prints one name and value per line, wrapped between words.
func (c *cli) pairs(pairs []string) {
	longest := 0
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			longest = max(longest, text.StringWidthWithoutEscSequences(pairs[i]))
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		label := pairs[i]
		for _, line := range wrap(pairs[i+1], c.width()-longest-4) {
			c.println(strings.TrimRight("  "+text.Pad(label, longest, ' ')+"  "+line, " "))
			label = ""
		}
	}
}

// wrap breaks a text between words into lines of at most width; a longer word gets a line of its own.
func wrap(s string, width int) (lines []string) {
	for line := range strings.SplitSeq(s, "\n") {
		current := ""
		for word := range strings.FieldsSeq(line) {
			if current != "" && text.StringWidthWithoutEscSequences(current+" "+word) > width {
				lines, current = append(lines, current), ""
			}
			current = strings.TrimSpace(current + " " + word)
		}
		lines = append(lines, current)
	}
	return lines
}

// paint colours text on a terminal, unless NO_COLOR is set.
func (c *cli) paint(s string, colour text.Color) string {
	if _, ok := c.terminal(); !ok || os.Getenv("NO_COLOR") != "" {
		return s
	}
	return "\x1b[" + strconv.Itoa(int(colour)) + "m" + s + "\x1b[0m"
}

// status colours a status by its meaning.
func (c *cli) status(s string) string {
	switch calls.Status(s) {
	case calls.StatusCompleted, "OPEN", "STORED", "DONE", "PLACED", calls.Status(handlers.CallbackDelivered):
		return c.paint(s, text.FgGreen)
	case calls.StatusFailed, calls.StatusRejected, calls.StatusNotPlaced, calls.StatusDeadline, "EXPIRED", "MISSING", "REFUSED", calls.Status(handlers.CallbackUndelivered):
		return c.paint(s, text.FgRed)
	case calls.StatusBusy, calls.StatusNoAnswer, calls.StatusCancelled, calls.StatusUnknown, calls.StatusStopped,
		calls.StatusCompletedWithFailure, "PENDING", calls.Status(handlers.CallbackDelivering):
		return c.paint(s, text.FgYellow)
	}
	return s
}

// mask masks a phone number; an empty one stays empty.
func mask(number string) string {
	if number == "" {
		return ""
	}
	return phone.Mask(number)
}

// words returns foreign text with its phone numbers masked.
func words(s string) string { return phone.Redact(s) }

func clock(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func seconds(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n) + " s"
}

func wordIf(b bool, word string) string {
	if b {
		return word
	}
	return ""
}

func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " · ")
}
