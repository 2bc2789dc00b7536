package temporalclient

import (
	"context"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// keysData is where a namespace's data names the hash key whose hashes stand in it, by its fingerprint.
const keysData = "aftercall-keys"

// KeysFingerprint is the fingerprint of the hash key that the namespace's aftercall uses; "" where none was noted.
func KeysFingerprint(ctx context.Context, c client.Client, namespace string) (string, error) {
	d, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return "", err
	}
	return d.GetNamespaceInfo().GetData()[keysData], nil
}

// NoteKeys writes the fingerprint into the namespace's data, so that a second aftercall on the namespace does not make
// keys of its own, with which neither could read the other.
func NoteKeys(ctx context.Context, c client.Client, namespace, fingerprint string) error {
	_, err := c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: namespace, UpdateInfo: &namespacepb.UpdateNamespaceInfo{Data: map[string]string{keysData: fingerprint}},
	})
	return err
}
