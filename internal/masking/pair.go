package masking

import (
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// openWindow is for how long an inbound leg that has not ended yet counts as the cause of an outbound one: the provider
// dials on at once. Without a limit, one lost notification would make every later call ambiguous.
const openWindow = 2 * time.Minute

// leg is a leg of a call of the session.
type leg struct {
	calls.Leg
	callKey   string
	inbound   bool
	partner   *leg
	ambiguous bool
	literal   bool // by the earlier rules, which compare spellings of numbers
}

// free reports whether a weaker rule may still pair the leg.
func (l *leg) free() bool { return l.partner == nil && !l.ambiguous }

// rule lists, for every inbound leg, the outbound legs that may be its other side.
type rule func(ins, outs []*leg) map[*leg][]*leg

// pair finds the two sides of each call, by the provider's reference, section 2.7: strongest evidence first, and only
// where two legs fit each other and nobody else. A leg that would still fit one that stayed alone is ambiguous.
func pair(legs []*leg, literally bool) {
	ins, outs := split(legs)
	join(ins, outs, byParent)
	flag(open(ins), open(outs), byParent) // named more than once: no weaker rule may overrule that
	weaker := []rule{
		same(func(l *leg) string { return l.UniqueCallID }),
		same(func(l *leg) string { return l.ExternalCallsID }),
		sameCall,
		byTime,
	}
	if !literally {
		for i := range weaker {
			weaker[i] = betweenParties(weaker[i])
		}
	}
	for _, r := range weaker {
		join(open(ins), open(outs), r)
	}
	ins, outs = open(ins), open(outs)
	for _, r := range weaker {
		flag(ins, outs, r)
	}
}

func split(legs []*leg) (ins, outs []*leg) {
	for _, l := range legs {
		if l.inbound {
			ins = append(ins, l)
		} else {
			outs = append(outs, l)
		}
	}
	return ins, outs
}

func open(legs []*leg) []*leg {
	var out []*leg
	for _, l := range legs {
		if l.free() {
			out = append(out, l)
		}
	}
	return out
}

// join pairs the legs that fit each other and nobody else.
func join(ins, outs []*leg, r rule) {
	fits := r(ins, outs)
	claims := map[*leg]int{}
	for _, in := range ins {
		for _, out := range fits[in] {
			claims[out]++
		}
	}
	for _, in := range ins {
		if f := fits[in]; len(f) == 1 && claims[f[0]] == 1 {
			in.partner, f[0].partner = f[0], in
		}
	}
}

// flag marks the legs that fit one another although they could not be paired.
func flag(ins, outs []*leg, r rule) {
	fits := r(ins, outs)
	for _, in := range ins {
		for _, out := range fits[in] {
			in.ambiguous, out.ambiguous = true, true
		}
	}
}

// byParent links legs of which one names the other as its parent.
func byParent(ins, outs []*leg) map[*leg][]*leg {
	fits := map[*leg][]*leg{}
	children, bySID := index(outs, func(l *leg) string { return l.ParentCallSID }), index(outs, func(l *leg) string { return l.CallSID })
	for _, in := range ins {
		named := children[in.CallSID]
		for _, out := range bySID[in.ParentCallSID] {
			if out.ParentCallSID == "" || out.ParentCallSID != in.CallSID {
				named = append(slices.Clip(named), out)
			}
		}
		if len(named) > 0 {
			fits[in] = named
		}
	}
	return fits
}

// index lists legs by a common text, which is not empty.
func index(legs []*leg, of func(*leg) string) map[string][]*leg {
	byText := map[string][]*leg{}
	for _, l := range legs {
		if s := of(l); s != "" {
			byText[s] = append(byText[s], l)
		}
	}
	return byText
}

// same links legs that share a non-empty id.
func same(id func(*leg) string) rule {
	return func(ins, outs []*leg) map[*leg][]*leg {
		return filter(ins, index(outs, id), id, func(in, out *leg) bool { return !parentSaysNo(in, out) })
	}
}

// sameCall links legs of one call key, unless their numbers or their times say that they do not belong together.
func sameCall(ins, outs []*leg) map[*leg][]*leg {
	key := func(l *leg) string { return l.callKey }
	return filter(ins, index(outs, key), key, func(in, out *leg) bool {
		numbers := in.To == out.From || in.To == "" || out.From == "" || !in.literal && mayBe(in.To, out.From)
		within, known := inTime(in, out)
		return numbers && (within || !known) && !parentSaysNo(in, out)
	})
}

// byTime links legs that met at the same masking number, the outbound one while the inbound one lasted.
func byTime(ins, outs []*leg) map[*leg][]*leg {
	byNumber := index(outs, func(l *leg) string { return l.number(l.From) })
	return filter(ins, byNumber, func(l *leg) string { return l.number(l.To) }, func(in, out *leg) bool {
		within, _ := inTime(in, out)
		return within && !parentSaysNo(in, out) && (in.literal || phone.Compare(in.To, out.From) == phone.Same)
	})
}

// number returns a form that all spellings of a number share.
func (l *leg) number(s string) string {
	if l.literal {
		return s
	}
	return phone.Local(s)
}

// betweenParties restricts a rule to legs of different parties: nobody calls himself.
func betweenParties(r rule) rule {
	return func(ins, outs []*leg) map[*leg][]*leg {
		fits := r(ins, outs)
		for _, in := range ins {
			fits[in] = slices.DeleteFunc(slices.Clone(fits[in]), func(out *leg) bool { return phone.Compare(in.From, out.To) == phone.Same })
		}
		return fits
	}
}

// mayBe reports whether two texts may spell the same number.
func mayBe(a, b string) bool { return phone.Compare(a, b) != phone.Different }

// filter lists, for every inbound leg, the outbound legs found under its text that fit.
func filter(ins []*leg, outs map[string][]*leg, of func(*leg) string, fit func(in, out *leg) bool) map[*leg][]*leg {
	fits := map[*leg][]*leg{}
	for _, in := range ins {
		for _, out := range outs[of(in)] {
			if fit(in, out) {
				fits[in] = append(fits[in], out)
			}
		}
	}
	return fits
}

// parentSaysNo reports whether one of two legs names another leg as its parent.
func parentSaysNo(in, out *leg) bool {
	names := func(child, parent *leg) bool {
		return child.ParentCallSID != "" && parent.CallSID != "" && child.ParentCallSID != parent.CallSID
	}
	return names(in, out) || names(out, in)
}

// inTime reports whether the outbound leg started while the inbound one lasted; known is false where a time is missing.
func inTime(in, out *leg) (within, known bool) {
	start, began := in.RequestReceivedAt, out.InitiatedAt
	if start == nil {
		start = in.InitiatedAt
	}
	if start == nil || began == nil {
		return false, false
	}
	end := start.Add(openWindow)
	if in.CompletedAt != nil {
		end = *in.CompletedAt
	}
	return !began.Before(*start) && !began.After(end), true
}
