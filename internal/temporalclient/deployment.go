package temporalclient

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/cenkalti/backoff/v5"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/internal/desk"
)

// Variables that name the version of a worker. Temporal's Worker Controller sets them too.
const (
	deploymentName = "TEMPORAL_DEPLOYMENT_NAME"
	buildID        = "TEMPORAL_WORKER_BUILD_ID"
)

// VersionFromEnvironment returns the worker deployment version that TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID
// name. It returns the zero version if neither is set.
func VersionFromEnvironment() (worker.WorkerDeploymentVersion, error) {
	v := worker.WorkerDeploymentVersion{DeploymentName: os.Getenv(deploymentName), BuildID: os.Getenv(buildID)}
	if (v.DeploymentName == "") != (v.BuildID == "") {
		return v, errors.New(deploymentName + " and " + buildID + " must both be set, or neither")
	}
	return v, nil
}

// Deployment is a worker deployment with its versions.
type Deployment struct {
	Name     string    `json:"name"`
	Current  string    `json:"current,omitempty"` // build id; empty: workers without a version get the workflows
	Ramping  string    `json:"ramping,omitempty"` // build id
	Percent  float32   `json:"percent,omitempty"` // of the workflows that the ramping version gets
	Versions []Version `json:"versions"`
	Stuck    int64     `json:"stuck"` // workflows whose task keeps failing
}

// Version is a version of a worker deployment.
type Version struct {
	BuildID string    `json:"buildId"`
	State   string    `json:"state"` // current, ramping, draining, drained or inactive
	Since   time.Time `json:"since"` // first polled
}

// Rollout changes which version of a worker deployment gets the workflows.
type Rollout struct {
	Client    client.Client
	Namespace string
	Name      string // of the deployment
}

// Status returns the deployment, and how many workflows are stuck. A deployment unknown to Temporal has no versions.
func (r Rollout) Status(ctx context.Context) (Deployment, error) {
	out := Deployment{Name: r.Name, Versions: []Version{}}
	d, err := r.handle().Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err != nil && !desk.Means(err, desk.ErrUnknown) {
		return out, err
	}
	routing := d.Info.RoutingConfig
	if routing.CurrentVersion != nil {
		out.Current = routing.CurrentVersion.BuildID
	}
	if routing.RampingVersion != nil {
		out.Ramping, out.Percent = routing.RampingVersion.BuildID, routing.RampingVersionPercentage
	}
	for _, v := range d.Info.VersionSummaries {
		out.Versions = append(out.Versions, Version{BuildID: v.Version.BuildID, State: out.state(v), Since: v.CreateTime})
	}
	out.Stuck, err = r.stuck(ctx)
	return out, err
}

func (d Deployment) state(v client.WorkerDeploymentVersionSummary) string {
	switch {
	case v.Version.BuildID == d.Current:
		return "current"
	case v.Version.BuildID == d.Ramping:
		return "ramping"
	case v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatus(enumspb.VERSION_DRAINAGE_STATUS_DRAINING):
		return "draining"
	case v.DrainageStatus == client.WorkerDeploymentVersionDrainageStatus(enumspb.VERSION_DRAINAGE_STATUS_DRAINED):
		return "drained"
	default:
		return "inactive"
	}
}

func (r Rollout) stuck(ctx context.Context) (int64, error) {
	n, err := r.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: r.Namespace, Query: desk.StuckQuery()})
	return n.GetCount(), err
}

// Promote gives a version all workflows. It waits up to wait until Temporal knows workers of that version.
func (r Rollout) Promote(ctx context.Context, build string, wait time.Duration) error {
	return patientlyFor(ctx, wait, func() error {
		_, err := r.handle().SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
		return err
	})
}

// Ramp gives a version a share of the workflows, from 0 to 100 percent. With 0 the current version gets all of them again.
func (r Rollout) Ramp(ctx context.Context, build string, percent float32, wait time.Duration) error {
	if percent == 0 {
		build = "" // no version ramps
	}
	return patientlyFor(ctx, wait, func() error {
		_, err := r.handle().SetRampingVersion(ctx, client.WorkerDeploymentSetRampingVersionOptions{BuildID: build, Percentage: percent})
		return err
	})
}

func (r Rollout) handle() client.WorkerDeploymentHandle {
	return r.Client.WorkerDeploymentClient().GetHandle(r.Name)
}

// patientlyFor retries while Temporal does not know the version yet or is away.
func patientlyFor(ctx context.Context, wait time.Duration, try func() error) error {
	if wait <= 0 {
		return try()
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := try()
		if desk.Means(err, desk.ErrUnknown) || desk.Means(err, desk.ErrAway) && !desk.Means(err, desk.ErrMisconfigured) {
			return struct{}{}, err
		}
		if err != nil {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, nil
	}, backoff.WithMaxElapsedTime(wait))
	return err
}
