package temporalclient

import (
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/phone"
)

// NewFailureConverter returns a converter that encrypts messages, stack traces and details of failures of our workflows
// and their activities. Failures of foreign ones stay in clear, and so do all error types.
func NewFailureConverter(ring *keys.Ring, gate *Gate) converter.FailureConverter {
	return newFailureConverter(NewCodec(ring, gate))
}

func newFailureConverter(c *Codec) *failureConverter {
	return &failureConverter{temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: newDataConverter(c, false), EncodeCommonAttributes: c.seals(),
	}), c}
}

type failureConverter struct {
	converter.FailureConverter
	codec *Codec
}

// ErrorToFailure returns the failure of an error. It rebuilds a failure that an activity returns to a foreign workflow:
// without causes encrypted for one of ours, and without numbers.
func (f *failureConverter) ErrorToFailure(err error) *failurepb.Failure {
	failure := f.FailureConverter.ErrorToFailure(err)
	if failure != nil && f.codec.place.theirs {
		return anew(failure, err)
	}
	return failure
}

func anew(failure *failurepb.Failure, err error) *failurepb.Failure {
	failure = proto.Clone(failure).(*failurepb.Failure)
	if failure.GetEncodedAttributes() != nil {
		failure.EncodedAttributes, failure.Message, failure.Cause = nil, err.Error(), nil
		if info := failure.GetApplicationFailureInfo(); info != nil {
			info.Details = nil
		}
	}
	for f := failure; f != nil; f = f.Cause {
		f.Message = phone.Redact(f.Message)
		if f.GetCause().GetEncodedAttributes() != nil {
			f.Cause = nil
		}
	}
	return failure
}

// WithSerializationContext returns the converter for the failures of one workflow.
func (f *failureConverter) WithSerializationContext(sc converter.SerializationContext) converter.FailureConverter {
	return newFailureConverter(f.codec.at(sc))
}
