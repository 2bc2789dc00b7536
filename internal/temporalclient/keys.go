package temporalclient

import (
	"context"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// keysData is the entry of a namespace's data that holds the fingerprint of the hash key in use.
const keysData = "aftercall-keys"

// KeysFingerprint returns the fingerprint of the namespace's hash key, "" if none was noted.
func KeysFingerprint(ctx context.Context, c client.Client, namespace string) (string, error) {
	d, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return "", err
	}
	return d.GetNamespaceInfo().GetData()[keysData], nil
}

// NoteKeys writes the fingerprint into the namespace's data. A second aftercall on the namespace then makes no keys of its
// own, with which neither could read the other's data.
func NoteKeys(ctx context.Context, c client.Client, namespace, fingerprint string) error {
	_, err := c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: namespace, UpdateInfo: &namespacepb.UpdateNamespaceInfo{Data: map[string]string{keysData: fingerprint}},
	})
	return err
}
