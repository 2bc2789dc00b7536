package temporalclient

import (
	"context"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aftercall/aftercall/internal/keys"
)

var errElsewhere = errors.New("encrypted for another workflow or namespace")

// NewDataConverter returns the SDK's default data converter with the ring's Codec. Inside a workflow it panics on a payload
// that cannot be decrypted, which fails the workflow task until the key is there. An error would make the SDK drop a signal
// and continue.
func NewDataConverter(ring *keys.Ring, gate *Gate) converter.DataConverter {
	return newDataConverter(NewCodec(ring, gate), false)
}

func newDataConverter(c *Codec, inWorkflow bool) *dataConverter {
	return &dataConverter{converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c), c, inWorkflow}
}

type dataConverter struct {
	converter.DataConverter
	codec      *Codec
	inWorkflow bool
}

// WithSerializationContext returns the converter for the payloads of one workflow.
func (d *dataConverter) WithSerializationContext(sc converter.SerializationContext) converter.DataConverter {
	return newDataConverter(d.codec.at(sc), d.inWorkflow)
}

// WithWorkflowContext returns the converter inside a workflow.
func (d *dataConverter) WithWorkflowContext(converter.WorkflowContext) converter.DataConverter {
	return newDataConverter(d.codec, true)
}

// WithContext returns the converter in activities and clients.
func (d *dataConverter) WithContext(context.Context) converter.DataConverter { return d }

func (d *dataConverter) FromPayload(p *commonpb.Payload, value any) error {
	return d.explain(d.DataConverter.FromPayload(p, value), p)
}

func (d *dataConverter) FromPayloads(p *commonpb.Payloads, values ...any) error {
	return d.explain(d.DataConverter.FromPayloads(p, values...), p.GetPayloads()...)
}

// explain adds to a decoding error which payload could not be decrypted, and why.
func (d *dataConverter) explain(err error, payloads ...*commonpb.Payload) error {
	if err == nil {
		return nil
	}
	for _, p := range payloads {
		if _, reason := d.codec.open(p); reason != nil {
			err = fmt.Errorf("payload of %s: %w", p.GetMetadata()[metadataWorkflow], reason)
			if d.inWorkflow {
				panic(err)
			}
			return err
		}
	}
	return err
}
