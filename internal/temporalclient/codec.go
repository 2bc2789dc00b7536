package temporalclient

import (
	"encoding/binary"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/keys"
)

// The metadata of an encrypted payload. All of it but the encoding is associated data of the encryption.
const (
	encodingEncrypted = "binary/encrypted"
	metadataKey       = "encryption-key-id"
	metadataNamespace = "namespace"
	metadataWorkflow  = "workflow-id"
)

// Codec encrypts the payloads of aftercall's own workflows and leaves foreign ones in clear; the SDK tells it which
// workflow a payload is for. It decrypts with any key of the ring. It passes on clear payloads, and those it cannot
// decrypt, unchanged. Without an encryption key it encrypts nothing.
type Codec struct {
	keys  *keys.Ring
	gate  *Gate
	place place
}

// place is the destination of a payload.
type place struct {
	namespace, workflowID string // empty if unknown
	ours, theirs          bool   // neither if unknown
}

// NewCodec returns a codec without a place yet. While the gate is closed it only decrypts.
func NewCodec(ring *keys.Ring, gate *Gate) *Codec { return &Codec{keys: ring, gate: gate} }

// WithSerializationContext returns the codec for the payloads of one workflow.
func (c *Codec) WithSerializationContext(sc converter.SerializationContext) converter.PayloadCodec {
	return c.at(sc)
}

func (c *Codec) at(sc converter.SerializationContext) *Codec {
	return &Codec{keys: c.keys, gate: c.gate, place: placeOf(sc)}
}

// For returns a codec that decrypts the payloads of all workflows of one namespace, and encrypts none.
func (c *Codec) For(namespace string) *Codec {
	return &Codec{keys: c.keys, gate: c.gate, place: place{namespace: namespace}}
}

// ours reports whether a workflow is one of aftercall's.
func ours(workflowID string) bool {
	return calls.OwnWorkflowID(workflowID) || calls.CallbackWorkflow(workflowID)
}

// placeOf returns the place of a payload. Activities on TaskQueueCalls run for foreign workflows.
func placeOf(sc converter.SerializationContext) place {
	switch sc := sc.(type) {
	case converter.WorkflowSerializationContext:
		return placeFor(sc.Namespace, sc.WorkflowID, ours(sc.WorkflowID))
	case converter.ActivitySerializationContext:
		return placeFor(sc.Namespace, sc.WorkflowID, ours(sc.WorkflowID) && sc.TaskQueue != calls.TaskQueueCalls)
	default: // Nexus
		return place{theirs: true}
	}
}

func placeFor(namespace, workflowID string, ours bool) place {
	return place{namespace: namespace, workflowID: workflowID, ours: ours, theirs: !ours}
}

// seals reports whether the codec encrypts.
func (c *Codec) seals() bool { return c.place.ours && c.keys.CanSeal() && c.gate.Open() }

// Encode encrypts payloads of our workflows.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	if !c.seals() {
		return payloads, nil
	}
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		sealed, err := c.seal(p)
		if err != nil {
			return nil, err
		}
		out[i] = sealed
	}
	return out, nil
}

func (c *Codec) seal(p *commonpb.Payload) (*commonpb.Payload, error) {
	plain, err := proto.Marshal(p)
	if err != nil {
		return nil, err
	}
	id, data, err := c.keys.Seal(plain, associated(c.place.namespace, c.place.workflowID))
	if err != nil {
		return nil, err
	}
	return &commonpb.Payload{
		Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(encodingEncrypted),
			metadataKey:                []byte(id),
			metadataNamespace:          []byte(c.place.namespace),
			metadataWorkflow:           []byte(c.place.workflowID),
		},
		Data: data,
	}, nil
}

// Decode decrypts every payload that it can. It returns no error: a payload that it cannot decrypt stays unchanged, and
// its reader fails.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		out[i] = p
		if plain, err := c.open(p); err == nil {
			out[i] = plain
		}
	}
	return out, nil
}

// open decrypts a payload. It returns a clear one unchanged.
func (c *Codec) open(p *commonpb.Payload) (*commonpb.Payload, error) {
	if !Encrypted(p) {
		return p, nil
	}
	namespace, workflowID := string(p.GetMetadata()[metadataNamespace]), string(p.GetMetadata()[metadataWorkflow])
	if differs(c.place.workflowID, workflowID) || differs(c.place.namespace, namespace) {
		return nil, errElsewhere
	}
	plain, err := c.keys.Open(string(p.GetMetadata()[metadataKey]), p.GetData(), associated(namespace, workflowID))
	if err != nil {
		return nil, err
	}
	out := &commonpb.Payload{}
	if err := proto.Unmarshal(plain, out); err != nil {
		return nil, err
	}
	return out, nil
}

// differs reports whether a payload names another place than the known one.
func differs(known, said string) bool { return known != "" && known != said }

// Encrypted reports whether a Codec encrypted a payload.
func Encrypted(p *commonpb.Payload) bool {
	m := p.GetMetadata()
	return string(m[converter.MetadataEncoding]) == encodingEncrypted && m[metadataKey] != nil && m[metadataWorkflow] != nil
}

// KeyID returns the id of the key that encrypted a payload, "" for a clear one.
func KeyID(p *commonpb.Payload) string {
	if !Encrypted(p) {
		return ""
	}
	return string(p.GetMetadata()[metadataKey])
}

// associated binds a payload to its place. The key id needs no binding, since it selects the key.
func associated(namespace, workflowID string) []byte {
	b := binary.AppendUvarint(nil, uint64(len(namespace)))
	b = append(b, namespace...)
	return append(b, workflowID...)
}
