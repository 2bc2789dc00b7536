package activities_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/rules"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// plainHash stands for the keyed one.
type plainHash struct{ absent bool }

func (h plainHash) Ready() bool                { return !h.absent }
func (h plainHash) Phone(number string) string { return "hash-of-" + number[1:] }

func ruled(t *testing.T, api activities.CallCreator, r rules.Rules) (*activities.Dial, *ledger.Ledger) {
	t.Helper()
	l := openLedger(t)
	return &activities.Dial{API: api, Ledger: l, Rules: activities.DialRules{Rules: r, Book: l, Hash: plainHash{}}}, l
}

func numbered(n string) contract.PlaceCallInput {
	in := placeInput()
	in.ReferenceID = "order-" + n + "-a1"
	return in
}

func TestPlaceCallNamesTheRule(t *testing.T) {
	now := time.Now().UTC()
	until := now.Add(time.Hour).Truncate(time.Second)
	night := "advertising"
	for name, tt := range map[string]struct {
		rules     rules.Rules
		suppress  *ledger.Suppression
		edit      func(*contract.PlaceCallInput)
		want      string
		notBefore bool
	}{
		"no rule":               {rules.Rules{}, nil, nil, calls.RuleAllowed, false},
		"prefix":                {rules.Rules{Prefixes: []string{"+971"}}, nil, nil, calls.RulePrefix, false},
		"caller ID":             {rules.Rules{CallerIDs: []string{"+966110000009"}}, nil, nil, calls.RuleCallerID, false},
		"the provider's second": {rules.Rules{CallerIDs: []string{"+966110000001"}}, nil, func(in *contract.PlaceCallInput) { in.SecondaryCallerID = "+966110000002" }, calls.RuleCallerID, false},
		"consent":               {rules.Rules{Country: rules.SaudiArabia}, nil, func(in *contract.PlaceCallInput) { in.Request.Class = night }, calls.RuleConsent, false},
		"suppressed":            {rules.Rules{}, &ledger.Suppression{Scope: "all"}, nil, calls.RuleSuppressed, false},
		"suppressed for a time": {rules.Rules{}, &ledger.Suppression{Scope: "service", Until: &until}, nil, calls.RuleSuppressed, true},
		"of another class":      {rules.Rules{}, &ledger.Suppression{Scope: "advertising"}, nil, calls.RuleAllowed, false},
		"calling hours": {rules.Rules{}, nil, func(in *contract.PlaceCallInput) {
			in.Request.CallingHours = &calls.CallingHours{Timezone: "UTC", From: now.Add(2 * time.Hour).Format("15:04"), To: now.Add(3 * time.Hour).Format("15:04")}
		}, calls.RuleCallingHours, true},
	} {
		t.Run(name, func(t *testing.T) {
			api := &creator{id: "call-1"}
			dial, l := ruled(t, api, tt.rules)
			in := placeInput()
			if tt.edit != nil {
				tt.edit(&in)
			}
			if tt.suppress != nil {
				require.NoError(t, l.Suppress(t.Context(), plainHash{}.Phone(in.Request.To), *tt.suppress))
			}
			res := placeBy(t, dial, in)
			require.Equal(t, tt.want, res.Rule)
			require.Equal(t, tt.notBefore, res.NotBefore != nil)
			require.Len(t, api.posts, map[bool]int{true: 1, false: 0}[tt.want == calls.RuleAllowed])
			require.NotContains(t, res.Reason, "500000000")
			if tt.want != calls.RuleAllowed {
				require.Equal(t, calls.NotPlaced, res.Placement)
				_, err := l.Claim(t.Context(), ledger.Post{Attempt: in.ReferenceID})
				require.NoError(t, err, "what a rule forbids claims nothing")
			}
		})
	}
}

// TestASuppressionThatIsLiftedIsSeen: a request that waits for its end looks again every hour, but one whose deadline comes
// first is refused at once.
func TestASuppressionThatIsLiftedIsSeen(t *testing.T) {
	now := time.Now().UTC()
	until := now.Add(48 * time.Hour).Truncate(time.Second)
	for deadline, looks := range map[string]bool{"": true, now.Add(72 * time.Hour).Format(time.RFC3339): true, now.Add(24 * time.Hour).Format(time.RFC3339): false} {
		dial, l := ruled(t, &creator{id: "call-1"}, rules.Rules{})
		in := placeInput()
		in.Request.Deadline = deadline
		require.NoError(t, l.Suppress(t.Context(), plainHash{}.Phone(in.Request.To), ledger.Suppression{Scope: "all", Until: &until}))
		res := placeBy(t, dial, in)
		require.Equal(t, calls.RuleSuppressed, res.Rule)
		if looks {
			require.WithinDuration(t, now.Add(time.Hour), *res.NotBefore, time.Minute)
		} else {
			require.Equal(t, until, *res.NotBefore)
		}
	}
}

func TestPlaceCallCountsThePerson(t *testing.T) {
	api := &creator{id: "call-1"}
	dial, l := ruled(t, api, rules.Rules{PersonDaily: 2})
	person := plainHash{}.Phone(placeInput().Request.To)
	require.Equal(t, calls.RuleAllowed, placeBy(t, dial, numbered("1")).Rule)

	api.err = &unifonic.CallError{Verdict: unifonic.VerdictNotPlaced, StatusCode: 429}
	require.Equal(t, calls.NotPlaced, placeBy(t, dial, numbered("2")).Placement)
	found, err := l.Dials(t.Context(), person)
	require.NoError(t, err)
	require.Len(t, found, 1, "what was not placed does not count")

	api.err = errors.New("nobody knows")
	require.Equal(t, calls.PlacementUnknown, placeBy(t, dial, numbered("3")).Placement)
	api.err = nil
	third := placeBy(t, dial, numbered("4"))
	require.Equal(t, calls.RulePersonDaily, third.Rule)
	require.NotNil(t, third.NotBefore)
	other := numbered("5")
	other.Request.To = "+966500000001"
	require.Equal(t, calls.RuleAllowed, placeBy(t, dial, other).Rule, "another person")
	require.Len(t, api.posts, 4)
}

func TestPlaceCallKeepsTheGap(t *testing.T) {
	api := &creator{id: "call-1"}
	dial, _ := ruled(t, api, rules.Rules{PersonGap: time.Hour})
	require.Equal(t, calls.RuleAllowed, placeBy(t, dial, numbered("1")).Rule)
	second := placeBy(t, dial, numbered("2"))
	require.Equal(t, calls.RulePersonGap, second.Rule)
	require.WithinDuration(t, time.Now().Add(time.Hour), *second.NotBefore, time.Minute)
}

// TestManyDialsOfOnePersonAtOnce: workers that know nothing of each other keep the cap and the gap together.
func TestManyDialsOfOnePersonAtOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		rules rules.Rules
		most  int
	}{
		"cap": {rules.Rules{PersonDaily: 3}, 3}, "gap": {rules.Rules{PersonGap: time.Hour}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t)
			var dialled atomic.Int32
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					api := &creator{id: "call-1"}
					dial := &activities.Dial{API: api, Ledger: l, Rules: activities.DialRules{Rules: tt.rules, Book: l, Hash: plainHash{}}}
					var suite testsuite.WorkflowTestSuite
					env := suite.NewTestActivityEnvironment()
					env.RegisterActivity(dial)
					_, err := env.ExecuteActivity(dial.PlaceCall, numbered(string(rune('a'+i))))
					if err == nil {
						dialled.Add(int32(len(api.posts)))
					}
				})
			}
			all.Wait()
			require.LessOrEqual(t, dialled.Load(), int32(tt.most))
			require.Positive(t, dialled.Load())
		})
	}
}

// awayBook is a ledger that cannot be asked about persons.
type awayBook struct{ *ledger.Ledger }

func (awayBook) Suppression(context.Context, string) (ledger.Suppression, error) {
	return ledger.Suppression{}, errors.New("the store is away")
}

func TestPlaceCallWithoutItsBookWaits(t *testing.T) {
	api := &creator{id: "call-1"}
	dial, l := ruled(t, api, rules.Rules{})
	dial.Rules.Book = awayBook{l}
	res := placeBy(t, dial, placeInput())
	require.Equal(t, calls.NotPlaced, res.Placement)
	require.False(t, res.Final, "tried again")
	require.Empty(t, res.Rule)
	require.Empty(t, api.posts)

	dial.Rules.Hash = plainHash{absent: true}
	require.Equal(t, calls.Placed, placeBy(t, dial, placeInput()).Placement, "without a hash key nobody is suppressed")
	dial.Rules.Rules.PersonDaily = 5
	require.Equal(t, calls.NotPlaced, placeBy(t, dial, numbered("2")).Placement, "but what must be counted must be known")
}

func TestPlaceCallAsksOnceMoreAfterItsClaim(t *testing.T) {
	api := &creator{id: "call-1"}
	dial, l := ruled(t, api, rules.Rules{})
	person := plainHash{}.Phone(placeInput().Request.To)
	dial.Ledger = &claimer{answer: func(p ledger.Post) (ledger.Post, error) {
		p.Number = 1
		return p, l.Suppress(t.Context(), person, ledger.Suppression{Scope: rules.ScopeAll})
	}}
	res := placeBy(t, dial, placeInput())
	require.Equal(t, calls.RuleSuppressed, res.Rule)
	require.Equal(t, 2, res.Post)
	require.Empty(t, api.posts)
}

func TestRulesThatAreOffAskNobody(t *testing.T) {
	dial := &activities.Dial{API: &creator{id: "call-1"}, Ledger: openLedger(t)}
	require.Equal(t, calls.RuleAllowed, placeBy(t, dial, placeInput()).Rule)
}
