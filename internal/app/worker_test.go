package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/config"
)

func TestTheWorkflowCacheFollowsItsBytes(t *testing.T) {
	require.Equal(t, 1638, cachedWorkflows(config.Default().WorkflowCache))
	require.Equal(t, 29959, cachedWorkflows(1<<30))
	require.Equal(t, 29, cachedWorkflows(1<<20))
}
