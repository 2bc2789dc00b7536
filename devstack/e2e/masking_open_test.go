package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/simulator"
)

// counted counts the requests for a mask, by the called number.
type counted struct {
	mu    sync.Mutex
	posts map[string]int
	fault func(simulator.Post) simulator.Fault
}

func (c *counted) onPost(p simulator.Post) simulator.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts[p.To]++
	if c.fault == nil {
		return simulator.FaultNone
	}
	return c.fault(p)
}

func (c *counted) of(to string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.posts[to]
}

// masksOf returns the masks at the provider that reach a number: the witness.
func masksOf(s *stack.Stack, to string) (ids []string) {
	for _, m := range s.Simulator().Masks() {
		if m.To == to {
			ids = append(ids, m.MaskID)
		}
	}
	return ids
}

// open starts the opening of a session as the API does, with settings for the test.
func open(t *testing.T, s *stack.Stack, req calls.MaskingSessionRequest, settings contract.MaskingSettings) {
	t.Helper()
	asked, err := intake.MaskingSession(req)
	require.NoError(t, err)
	isNew, err := desk.New(s.Temporal(), desk.Settings{Masking: settings}).OpenMaskingSession(t.Context(), asked)
	require.NoError(t, err)
	require.True(t, isNew)
}

// awaitOpened waits until an opening has ended and returns its session.
func awaitOpened(t *testing.T, s *stack.Stack, ref string) (calls.MaskingSessionState, error) {
	t.Helper()
	var state calls.MaskingSessionState
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := s.Temporal().GetWorkflow(ctx, calls.OpenMaskingSessionWorkflowID(ref), "").Get(ctx, &state)
	return state, err
}

// TestMaskIsOpenedAtMostOnce makes the provider misbehave in every way while a mask is requested.
func TestMaskIsOpenedAtMostOnce(t *testing.T) {
	posts := &counted{posts: map[string]int{}}
	type faulty struct {
		name   string
		to     string
		fault  simulator.Fault
		always bool // else only at the first request
		masks  int
		posts  int
		says   string // the error, if no mask is known in the end
	}
	var all []faulty
	add := func(f faulty) {
		f.name, f.to = fmt.Sprint(f.fault, map[bool]string{true: " always"}[f.always]), fmt.Sprintf("+9665000010%02d", len(all))
		all = append(all, f)
	}
	for _, f := range []simulator.Fault{simulator.FaultAcceptHang, simulator.FaultAcceptReset, simulator.FaultAccept500, simulator.FaultAcceptBad, simulator.FaultSlow} {
		add(faulty{fault: f, always: true, masks: 1, posts: 1})
	}
	for _, f := range []simulator.Fault{simulator.FaultRefuse500, simulator.FaultRefuseReset} {
		add(faulty{fault: f, masks: 0, posts: 1, says: calls.ErrTypeMaskUnknown}) // it may have made one: never requested again
	}
	add(faulty{fault: simulator.FaultRefuse429, masks: 1, posts: 2})
	posts.fault = func(p simulator.Post) simulator.Fault {
		i := slices.IndexFunc(all, func(f faulty) bool { return f.to == p.To })
		if all[i].always || p.Try == 1 {
			return all[i].fault
		}
		return simulator.FaultNone
	}
	s := start(t, func(o *stack.Options) {
		o.Simulator.OnMaskPost, o.Config.UnifonicTimeout = posts.onPost, 2*time.Second
	})
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			req := calls.MaskingSessionRequest{ReferenceID: newID("ride"), From: rider, To: f.to}
			if f.says != "" {
				open(t, s, req, contract.MaskingSettings{LookupWindow: time.Second})
				_, err := awaitOpened(t, s, req.ReferenceID)
				require.ErrorContains(t, err, f.says)
				require.ErrorContains(t, err, "none was found in the provider's list")
				require.NotContains(t, err.Error(), f.to[5:])
				status, _ := openMask(t, s, req)
				require.Equal(t, http.StatusBadGateway, status)
			} else {
				status, state := openMask(t, s, req)
				require.Equal(t, http.StatusCreated, status)
				require.Equal(t, []string{state.MaskID}, masksOf(s, f.to))
				require.Equal(t, calls.MaskingOpen, state.State)
				require.NotEmpty(t, state.MaskingNumber)
				status, again := openMask(t, s, req)
				require.Equal(t, http.StatusOK, status)
				require.Equal(t, state.MaskID, again.MaskID)
			}
			require.Len(t, masksOf(s, f.to), f.masks)
			require.Equal(t, f.posts, posts.of(f.to))
		})
	}
}

// TestOpeningResetCreatesNoSecondMask resets an opening to every one of its workflow tasks.
func TestOpeningResetCreatesNoSecondMask(t *testing.T) {
	posts := &counted{posts: map[string]int{}}
	s := start(t, func(o *stack.Options) { o.Simulator.OnMaskPost = posts.onPost })
	req := calls.MaskingSessionRequest{ReferenceID: newID("ride"), From: rider, To: driver}
	_, opened := openMask(t, s, req)
	id := calls.OpenMaskingSessionWorkflowID(req.ReferenceID)
	resets := 0
	for e := range resetEverywhere(t, s, id) {
		resets++
		again, err := awaitOpened(t, s, req.ReferenceID)
		require.NoError(t, err)
		require.Equal(t, opened.MaskID, again.MaskID, "reset to event %d", e.GetEventId())
	}
	require.GreaterOrEqual(t, resets, 3)
	require.Equal(t, []string{opened.MaskID}, masksOf(s, driver))
	require.Equal(t, 1, posts.of(driver))
	_, state := askMask(t, s, http.MethodGet, opened.MaskID, nil)
	require.Equal(t, req.ReferenceID, state.ReferenceID)
}

// TestCrashWhileMasksAreOpenedOrphansNone kills the program with -9 while sessions are being opened, at all stages at
// once. After its restart every mask at the provider has its session, and every request its result.
func TestCrashWhileMasksAreOpenedOrphansNone(t *testing.T) {
	const openings = 24
	posts := &counted{posts: map[string]int{}}
	to := func(i int) string { return fmt.Sprintf("+9665000020%02d", i) }
	posts.fault = func(p simulator.Post) simulator.Fault {
		if p.To == to(0) { // requested, made, and never answered: it is certain to be interrupted
			return simulator.FaultAcceptHang
		}
		return simulator.FaultNone
	}
	s := start(t, func(o *stack.Options) {
		o.Simulator.OnMaskPost, o.Temporal.DataFile = posts.onPost, filepath.Join(t.TempDir(), "temporal.db")
	})
	require.NoError(t, s.StopApp(), "the program under test runs in a process of its own")
	p := newProduct(t, s)
	p.env = append(p.env, "AFTERCALL_UNIFONIC_TIMEOUT=1s")
	p.start(t)
	defer func() { p.kill(t) }()

	req := func(i int) calls.MaskingSessionRequest {
		return calls.MaskingSessionRequest{ReferenceID: fmt.Sprintf("crash-%02d", i), From: rider, To: to(i)}
	}
	settings := contract.MaskingSettings{LookupWindow: 10 * time.Second, ProviderTimeout: time.Second}
	var opening sync.WaitGroup
	for i := range openings {
		opening.Go(func() { open(t, s, req(i), settings) })
	}
	require.Eventually(t, func() bool { return len(masksOf(s, to(0))) == 1 && len(s.Simulator().Masks()) >= openings/2 }, time.Minute, time.Millisecond)
	p.kill(t)
	opening.Wait()
	stages := map[string]int{}
	for i := range openings {
		stages[stageOf(t, s, req(i).ReferenceID)]++
	}
	t.Logf("killed with %d masks made; openings by their last event: %v", len(s.Simulator().Masks()), stages)
	p.start(t)

	for i := range openings {
		state, err := awaitOpened(t, s, req(i).ReferenceID)
		masks := masksOf(s, to(i))
		require.LessOrEqual(t, posts.of(to(i)), 1)
		if len(masks) == 0 { // killed between receiving the task and the request: that cannot be known
			require.ErrorContains(t, err, calls.ErrTypeMaskUnknown)
			continue
		}
		require.NoError(t, err, "opening %d, %v", i, masks)
		require.Equal(t, masks, []string{state.MaskID})
		status, session := p.openMask(t, req(i))
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, state.MaskID, session.MaskID)
		require.Equal(t, calls.MaskingOpen, session.State)
		require.Equal(t, req(i).ReferenceID, session.ReferenceID)
	}
	require.Len(t, masksOf(s, to(0)), 1)
}

// stageOf returns the stage that an opening has reached.
func stageOf(t *testing.T, s *stack.Stack, ref string) string {
	t.Helper()
	all := events(t, s, calls.OpenMaskingSessionWorkflowID(ref))
	require.NotEmpty(t, all)
	activity, last := "nothing asked", all[len(all)-1].GetEventType().String()
	for _, e := range all {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
			activity = a.GetActivityType().GetName()
		}
	}
	return activity + "/" + last
}

// openMask requests a session from the program's API until it responds.
func (p *product) openMask(t *testing.T, req calls.MaskingSessionRequest) (status int, state calls.MaskingSessionState) {
	t.Helper()
	body, err := json.Marshal(req)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+"/v1/masking-sessions", bytes.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer key")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		status = res.StatusCode
		return status < http.StatusInternalServerError && json.NewDecoder(res.Body).Decode(&state) == nil
	}, time.Minute, 50*time.Millisecond)
	return status, state
}
