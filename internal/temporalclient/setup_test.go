package temporalclient_test

import (
	"context"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/dialqueue"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// cluster is the part of a Temporal that setup changes, and its refusals.
type cluster struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	refuses    map[string]codes.Code // by method
	retention  time.Duration         // 0: no namespace
	attributes map[string]enumspb.IndexedValueType
	rates      map[string]float32
	dial       *taskqueuepb.RateLimitConfig
	version    string
	aliases    map[string]string // of the columns of visibility in SQL
	endpoints  []*nexuspb.EndpointSpec
}

func serve(t *testing.T, c *cluster) client.Client {
	t.Helper()
	lazy, err := client.NewLazyClient(client.Options{HostPort: address(t, c)})
	require.NoError(t, err)
	t.Cleanup(lazy.Close)
	return lazy
}

// address returns the address of the cluster.
func address(t *testing.T, c *cluster) string {
	t.Helper()
	if c.attributes == nil {
		c.attributes = map[string]enumspb.IndexedValueType{}
	}
	c.rates = map[string]float32{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if code, refused := c.refuses[info.FullMethod[strings.LastIndex(info.FullMethod, "/")+1:]]; refused {
			return nil, status.Error(code, "Request unauthorized.")
		}
		return next(ctx, req)
	}))
	workflowservice.RegisterWorkflowServiceServer(s, c)
	operatorservice.RegisterOperatorServiceServer(s, c)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

func (c *cluster) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: c.version}, nil
}

func (c *cluster) DescribeNamespace(_ context.Context, r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if c.retention == 0 {
		return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound(r.Namespace)).Err()
	}
	return &workflowservice.DescribeNamespaceResponse{Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(c.retention), CustomSearchAttributeAliases: c.aliases}}, nil
}

func (c *cluster) RegisterNamespace(_ context.Context, r *workflowservice.RegisterNamespaceRequest) (*workflowservice.RegisterNamespaceResponse, error) {
	c.retention = r.WorkflowExecutionRetentionPeriod.AsDuration()
	return &workflowservice.RegisterNamespaceResponse{}, nil
}

func (c *cluster) UpdateNamespace(_ context.Context, r *workflowservice.UpdateNamespaceRequest) (*workflowservice.UpdateNamespaceResponse, error) {
	c.retention = r.Config.WorkflowExecutionRetentionTtl.AsDuration()
	return &workflowservice.UpdateNamespaceResponse{}, nil
}

func (c *cluster) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: c.attributes}, nil
}

func (c *cluster) AddSearchAttributes(_ context.Context, r *operatorservice.AddSearchAttributesRequest) (*operatorservice.AddSearchAttributesResponse, error) {
	maps.Copy(c.attributes, r.SearchAttributes)
	return &operatorservice.AddSearchAttributesResponse{}, nil
}

func (c *cluster) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	return &workflowservice.DescribeTaskQueueResponse{Config: &taskqueuepb.TaskQueueConfig{QueueRateLimit: c.dial}}, nil
}

func (c *cluster) UpdateTaskQueueConfig(_ context.Context, r *workflowservice.UpdateTaskQueueConfigRequest) (*workflowservice.UpdateTaskQueueConfigResponse, error) {
	limit := r.UpdateQueueRateLimit
	c.rates[r.TaskQueue] = limit.RateLimit.RequestsPerSecond
	if r.TaskQueue == contract.TaskQueueDial {
		c.dial = &taskqueuepb.RateLimitConfig{RateLimit: limit.RateLimit, Metadata: &taskqueuepb.ConfigMetadata{
			Reason: limit.Reason, UpdateIdentity: r.Identity, UpdateTime: timestamppb.Now(),
		}}
	}
	return &workflowservice.UpdateTaskQueueConfigResponse{}, nil
}

func all() map[string]enumspb.IndexedValueType {
	out := map[string]enumspb.IndexedValueType{}
	for _, k := range calls.SearchAttributes() {
		out[k.GetName()] = k.GetValueType()
	}
	return out
}

const day = 24 * time.Hour

// TestSetupGoesOnPastARefusal: setup does what it may, whatever single right it lacks, and reports the rest.
func TestSetupGoesOnPastARefusal(t *testing.T) {
	both := map[string]float32{contract.TaskQueueDial: 2, contract.TaskQueueLookup: 5}
	for name, tt := range map[string]struct {
		cluster   cluster
		dial      float64
		set       bool
		retention time.Duration
		rates     map[string]float32
		attribute bool
		left      string // part of what is left, empty for nothing
		err       string
	}{
		"nothing refused":              {cluster: cluster{}, dial: 2, retention: 30 * day, rates: both, attribute: true},
		"nothing to do":                {cluster: cluster{retention: 90 * day, attributes: all()}, dial: 2, retention: 90 * day, rates: both, attribute: true},
		"7 days, left as they are":     {cluster: cluster{retention: 7 * day}, dial: 2, retention: 7 * day, rates: both, attribute: true},
		"90 days, shortened on demand": {cluster: cluster{retention: 90 * day}, set: true, dial: 2, retention: 30 * day, rates: both, attribute: true},
		"not shortened on demand":      {cluster: cluster{retention: 90 * day, refuses: refuse("UpdateNamespace")}, set: true, dial: 2, retention: 90 * day, rates: both, attribute: true, left: "set its retention to 30 days", err: "retention of namespace"},
		"no slot is free": {cluster: cluster{retention: 30 * day, aliases: map[string]string{"KeywordList01": "Tags", "KeywordList02": "Names", "KeywordList03": "Parts"}, refuses: map[string]codes.Code{"AddSearchAttributes": codes.InvalidArgument}},
			dial: 2, retention: 30 * day, rates: both, left: "1 more of type KeywordList do not fit: 3 of 3 slots are taken, by Names, Parts, Tags", err: "search attributes"},
		"namespace not changed, 7 days":       {cluster: cluster{retention: 7 * day, refuses: refuse("UpdateNamespace")}, dial: 2, retention: 7 * day, rates: both, attribute: true},
		"namespace not changed, 3 days":       {cluster: cluster{retention: 3 * day, refuses: refuse("UpdateNamespace")}, dial: 2, retention: 3 * day, rates: both, attribute: true, left: "from 72h to 30 days (7 at least), as aftercall setup --retention does. Until then"},
		"namespace not shown":                 {cluster: cluster{retention: 30 * day, refuses: refuse("DescribeNamespace")}, dial: 2, retention: 30 * day, rates: both, attribute: true, left: "make sure that it exists"},
		"namespace not made":                  {cluster: cluster{refuses: refuse("RegisterNamespace")}, dial: 2, left: "namespace shared: create it", err: "namespace shared"},
		"attributes not added":                {cluster: cluster{retention: 30 * day, refuses: refuse("AddSearchAttributes")}, dial: 2, retention: 30 * day, rates: both, left: "Int CallAttempt, Keyword CallAttention", err: "search attributes"},
		"attributes not added, all there":     {cluster: cluster{retention: 30 * day, attributes: all(), refuses: refuse("AddSearchAttributes")}, dial: 2, retention: 30 * day, rates: both, attribute: true},
		"attributes not shown":                {cluster: cluster{retention: 30 * day, refuses: refuse("ListSearchAttributes")}, dial: 2, retention: 30 * day, rates: both, attribute: true},
		"attributes neither shown nor added":  {cluster: cluster{retention: 30 * day, attributes: all(), refuses: refuse("ListSearchAttributes", "AddSearchAttributes")}, dial: 2, retention: 30 * day, rates: both, attribute: true, left: "search attributes: add"},
		"attributes of another type":          {cluster: cluster{retention: 30 * day, attributes: mistyped()}, dial: 2, retention: 30 * day, rates: both, left: "CallId is Text, not Keyword", err: "search attributes"},
		"rates not set":                       {cluster: cluster{retention: 30 * day, refuses: refuse("UpdateTaskQueueConfig")}, dial: 2, retention: 30 * day, rates: map[string]float32{}, attribute: true, left: "AFTERCALL_DIAL_RATE=2"},
		"rates not set, and none may dial":    {cluster: cluster{retention: 30 * day, refuses: refuse("UpdateTaskQueueConfig")}, dial: 0, retention: 30 * day, rates: map[string]float32{}, attribute: true, left: "set its rate to 0", err: "rate of aftercall-dial"},
		"rates not shown":                     {cluster: cluster{retention: 30 * day, refuses: refuse("DescribeTaskQueue")}, dial: 2, retention: 30 * day, rates: map[string]float32{contract.TaskQueueLookup: 5}, attribute: true, left: "aftercall dial start --rate 2"},
		"rates not shown, and none may dial":  {cluster: cluster{retention: 30 * day, refuses: refuse("DescribeTaskQueue")}, dial: 0, retention: 30 * day, rates: map[string]float32{contract.TaskQueueDial: 0, contract.TaskQueueLookup: 5}, attribute: true},
		"a server that knows no rates":        {cluster: cluster{retention: 30 * day, refuses: map[string]codes.Code{"UpdateTaskQueueConfig": codes.Unimplemented}}, dial: 2, retention: 30 * day, rates: map[string]float32{}, attribute: true, left: "AFTERCALL_LOOKUP_RATE=5"},
		"everything about the namespace kept": {cluster: cluster{retention: 7 * day, attributes: all(), refuses: refuse("UpdateNamespace", "AddSearchAttributes", "RegisterNamespace")}, dial: 2, retention: 7 * day, rates: both, attribute: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := tt.cluster
			var left []string
			err := temporalclient.Setup(t.Context(), serve(t, &c), "shared", temporalclient.Plan{Rates: temporalclient.Rates{Dial: tt.dial, Lookup: 5}, Retention: 30 * day, SetRetention: tt.set}, func(string) {}, func(s string) { left = append(left, s) })
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
				require.NotContains(t, err.Error(), "\n")
			}
			if tt.rates != nil {
				require.Equal(t, tt.rates, c.rates)
			}
			require.Equal(t, tt.retention, c.retention)
			if tt.attribute {
				require.Equal(t, all(), c.attributes)
			}
			if tt.left == "" {
				require.Empty(t, left)
			} else {
				require.Contains(t, strings.Join(left, "\n"), tt.left)
			}
		})
	}
}

// TestSetupSaysWhetherKeysTakeTurns: setup reports once whether API keys take turns, as something left to do if the server
// cannot, as a hint if it may.
func TestSetupSaysWhetherKeysTakeTurns(t *testing.T) {
	for version, can := range map[string]bool{"1.28.3": false, "0.30.0": false, "1.29.0": true, "1.32.1": true, "2.0.0": true, "": true, "cloud": true} {
		c := &cluster{retention: 30 * day, attributes: all(), version: version}
		var done, left []string
		err := temporalclient.Setup(t.Context(), serve(t, c), "shared", temporalclient.Plan{Rates: temporalclient.Rates{Dial: 1, Lookup: 5}, Retention: 30 * day},
			func(s string) { done = append(done, s) }, func(s string) { left = append(left, s) })
		require.NoError(t, err, "dialling goes without")
		if can {
			require.Empty(t, left, version)
			require.Equal(t, 1, strings.Count(strings.Join(done, "\n"), "matching.enableFairness"), version)
		} else {
			require.Len(t, left, 1, version)
			require.Contains(t, left[0], "Temporal "+version+" knows no fairness")
		}
	}
}

// TestSetupLeavesAStop: a stop holds until dial start, whatever setup is asked to do.
func TestSetupLeavesAStop(t *testing.T) {
	c := &cluster{retention: 30 * day, refuses: refuse("UpdateNamespace", "AddSearchAttributes", "RegisterNamespace"), attributes: all()}
	lazy := serve(t, c)
	q := dialqueue.Queue{Client: lazy, Namespace: "shared"}
	setup := func(rate float64) string {
		var done []string
		report := func(line string) { done = append(done, line) }
		require.NoError(t, temporalclient.Setup(t.Context(), lazy, "shared", temporalclient.Plan{Rates: temporalclient.Rates{Dial: rate, Lookup: 5}, Retention: 30 * day}, report, report))
		return strings.Join(done, "\n")
	}
	require.NoError(t, q.Stop(t.Context(), "ops@desk: 7", "the number +966500000001 complains: stop"))
	for _, rate := range []float64{5, 0, 1} {
		done := setup(rate)
		require.Contains(t, done, "by ops@desk:7: the number")
		require.NotContains(t, done, "500000001")
		require.Zero(t, c.rates[contract.TaskQueueDial])
	}
	s, err := q.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ops@desk:7", s.Stop.By)
	require.True(t, strings.HasSuffix(s.Stop.Reason, "complains: stop"), s.Stop.Reason)

	require.NoError(t, q.Start(t.Context(), "ops@desk", 3))
	require.Contains(t, setup(5), "aftercall-dial: 5 per second")
	setup(0) // no stop: it lasts until the next setup
	setup(4)
	require.InDelta(t, 4, c.rates[contract.TaskQueueDial], 0)
}

func refuse(methods ...string) map[string]codes.Code {
	out := map[string]codes.Code{}
	for _, m := range methods {
		out[m] = codes.PermissionDenied
	}
	return out
}

func mistyped() map[string]enumspb.IndexedValueType {
	out := all()
	for name := range out {
		out[name] = enumspb.INDEXED_VALUE_TYPE_TEXT
	}
	return out
}

// TestRehearsalChangesNothing: it reports what setup would do, and leaves every namespace unchanged, or missing.
func TestRehearsalChangesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		cluster cluster
		says    []string
	}{
		"no namespace": {cluster{}, []string{"namespace shared: created", "aftercall-dial: 2 per second", "attributes: " + strconv.Itoa(len(all())) + " registered"}},
		"a short one":  {cluster{retention: 3 * day}, []string{"kept 30 days from now on", "aftercall-lookup: 5 per second", "registered"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := tt.cluster
			rehearsed, err := client.NewLazyClient(temporalclient.Rehearsal(client.Options{HostPort: address(t, &c)}))
			require.NoError(t, err)
			t.Cleanup(rehearsed.Close)
			var said []string
			report := func(line string) { said = append(said, line) }
			require.NoError(t, temporalclient.Setup(t.Context(), rehearsed, "shared", temporalclient.Plan{Rates: temporalclient.Rates{Dial: 2, Lookup: 5}, Retention: 30 * day, SetRetention: true}, report, report))
			for _, want := range tt.says {
				require.Contains(t, strings.Join(said, "\n"), want)
			}
			require.Equal(t, tt.cluster.retention, c.retention)
			require.Empty(t, c.attributes)
			require.Empty(t, c.rates)
		})
	}
}

// TestSlotsAreCounted: the slots of visibility in SQL are counted, if there are any.
func TestSlotsAreCounted(t *testing.T) {
	c := &cluster{retention: 30 * day, attributes: all(), aliases: map[string]string{"Keyword01": "CallId", "Keyword02": "Other", "KeywordList01": "CallSid", "Int01": "CallAttempt"}}
	found, err := temporalclient.CheckAttributes(t.Context(), serve(t, c), "shared")
	require.NoError(t, err)
	require.NoError(t, found.Err())
	require.Equal(t, "Int 1 of 3, Keyword 2 of 10, KeywordList 1 of 3", found.Slots.String())
	c.aliases = nil
	found, err = temporalclient.CheckAttributes(t.Context(), serve(t, c), "shared")
	require.NoError(t, err)
	require.Empty(t, found.Slots.String())
}

// TestPartyHashWithoutASlot: in a namespace without a free slot everything works but PartyHash.
func TestPartyHashWithoutASlot(t *testing.T) {
	attributes := all()
	delete(attributes, "PartyHash")
	delete(attributes, "CallSid")
	taken := map[string]string{"KeywordList01": "Tags", "KeywordList02": "Skills", "Keyword01": "CallId"}
	c := &cluster{retention: 30 * day, attributes: attributes, aliases: taken}
	found, err := temporalclient.CheckAttributes(t.Context(), serve(t, c), "shared")
	require.NoError(t, err)
	require.Len(t, found.Missing, 1)
	require.Contains(t, found.Missing, "CallSid", "it takes the last slot")
	require.Equal(t, "PartyHash has no slot: 2 of 3 of type KeywordList are taken, by Skills, Tags", found.NoParties)

	var said []string
	report := func(line string) { said = append(said, line) }
	require.NoError(t, temporalclient.Setup(t.Context(), serve(t, c), "shared", temporalclient.Plan{Rates: temporalclient.Rates{Dial: 2, Lookup: 5}}, report, report))
	require.Contains(t, c.attributes, "CallSid")
	require.NotContains(t, c.attributes, "PartyHash")
	require.Contains(t, strings.Join(said, "\n"), "PartyHash has no slot")

	taken["KeywordList03"] = "More"
	without := all()
	delete(without, "PartyHash")
	delete(without, "CallSid")
	found, err = temporalclient.CheckAttributes(t.Context(), serve(t, &cluster{attributes: without, aliases: taken}), "shared")
	require.NoError(t, err)
	require.ErrorContains(t, found.Err(), "CallSid", "without it calls are not found")

	delete(taken, "KeywordList02")
	delete(taken, "KeywordList03")
	delete(attributes, "CallSid")
	found, err = temporalclient.CheckAttributes(t.Context(), serve(t, &cluster{attributes: attributes, aliases: taken}), "shared")
	require.NoError(t, err)
	require.Empty(t, found.NoParties, "both fit: setup is to be run")
	require.Contains(t, found.Missing, "PartyHash")
}
