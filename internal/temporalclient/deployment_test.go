package temporalclient_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/temporalclient"
)

// TestAVersionHasANameAndABuild: one without the other is a mistake, and neither is no version.
func TestAVersionHasANameAndABuild(t *testing.T) {
	for _, tt := range []struct{ name, build, fails string }{{}, {name: "a", build: "v1"}, {name: "a", fails: "BUILD_ID"}, {build: "v1", fails: "DEPLOYMENT_NAME"}} {
		t.Setenv("TEMPORAL_DEPLOYMENT_NAME", tt.name)
		t.Setenv("TEMPORAL_WORKER_BUILD_ID", tt.build)
		v, err := temporalclient.VersionFromEnvironment()
		if tt.fails != "" {
			require.ErrorContains(t, err, tt.fails)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tt.build, v.BuildID)
		require.Equal(t, tt.name, v.DeploymentName)
	}
}
