package temporalclient_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"google.golang.org/grpc/codes"

	"github.com/aftercall/aftercall/internal/temporalclient"
)

func (c *cluster) ListNexusEndpoints(_ context.Context, r *operatorservice.ListNexusEndpointsRequest) (*operatorservice.ListNexusEndpointsResponse, error) {
	out := &operatorservice.ListNexusEndpointsResponse{}
	for _, spec := range c.endpoints {
		if r.Name == "" || r.Name == spec.Name {
			out.Endpoints = append(out.Endpoints, &nexuspb.Endpoint{Spec: spec})
		}
	}
	return out, nil
}

func (c *cluster) CreateNexusEndpoint(_ context.Context, r *operatorservice.CreateNexusEndpointRequest) (*operatorservice.CreateNexusEndpointResponse, error) {
	c.endpoints = append(c.endpoints, r.Spec)
	return &operatorservice.CreateNexusEndpointResponse{}, nil
}

// TestSetupMakesAnEndpoint: setup creates an endpoint once. It reports once what Temporal refuses or does not know, and does
// everything else.
func TestSetupMakesAnEndpoint(t *testing.T) {
	for name, tt := range map[string]struct {
		refuses map[string]codes.Code
		left    string
	}{
		"made":         {},
		"not to see":   {refuses: refuse("ListNexusEndpoints"), left: "temporal operator nexus endpoint create --name calls --target-namespace shared --target-task-queue aftercall-nexus"},
		"not to make":  {refuses: refuse("CreateNexusEndpoint"), left: "--target-task-queue aftercall-nexus"},
		"no Nexus":     {refuses: map[string]codes.Code{"ListNexusEndpoints": codes.Unimplemented}, left: "this Temporal has no Nexus"},
		"Nexus is off": {refuses: map[string]codes.Code{"CreateNexusEndpoint": codes.Unimplemented}, left: "this Temporal has no Nexus"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cluster{retention: 30 * day, attributes: all(), refuses: tt.refuses}
			lazy := serve(t, c)
			setup := func(endpoint string) (done, left []string) {
				plan := temporalclient.Plan{Rates: temporalclient.Rates{Dial: 1, Lookup: 5}, Retention: 30 * day, NexusEndpoint: endpoint}
				require.NoError(t, temporalclient.Setup(t.Context(), lazy, "shared", plan,
					func(s string) { done = append(done, s) }, func(s string) { left = append(left, s) }))
				return done, left
			}
			done, left := setup("calls")
			if tt.left != "" {
				require.Len(t, left, 1)
				require.Contains(t, left[0], tt.left)
				require.Empty(t, c.endpoints)
				return
			}
			require.Empty(t, left)
			require.Contains(t, strings.Join(done, "\n"), "nexus endpoint calls: made")
			done, left = setup("calls")
			require.Empty(t, left)
			require.Contains(t, strings.Join(done, "\n"), "nexus endpoint calls: there")
			setup("")
			require.Len(t, c.endpoints, 1)
			names, err := temporalclient.Endpoints(t.Context(), lazy, "shared")
			require.NoError(t, err)
			require.Equal(t, []string{"calls"}, names)

			c.endpoints[0].Target.GetWorker().Namespace = "other"
			_, left = setup("calls")
			require.Len(t, left, 1)
			require.Contains(t, left[0], "leads elsewhere")
		})
	}
}
