package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
)

// Attributes says which of our search attributes a namespace has.
type Attributes struct {
	Missing  map[string]enumspb.IndexedValueType
	Mistyped []string // registered with another type, as "CallId is Text, not Keyword"
	Slots    Slots
	// NoParties says why PartyHash is not in Missing although the namespace lacks it: it does not fit, and everything but
	// erasing works without it. It is empty if PartyHash exists or fits.
	NoParties string
}

// Err names the missing and mistyped attributes. It returns nil if there are none.
func (a Attributes) Err() error {
	var faults []string
	if len(a.Missing) > 0 {
		faults = append(faults, "missing: "+strings.Join(slices.Sorted(maps.Keys(a.Missing)), ", "))
		if full := a.Slots.lacking(a.Missing); full != "" {
			faults = append(faults, full)
		}
	}
	if len(a.Mistyped) > 0 {
		faults = append(faults, "of another type: "+strings.Join(a.Mistyped, ", "))
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}

// CheckAttributes reads the search attributes of a namespace and compares them with ours.
func CheckAttributes(ctx context.Context, c client.Client, namespace string) (Attributes, error) {
	r, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return Attributes{}, err
	}
	a := Attributes{Missing: map[string]enumspb.IndexedValueType{}}
	for name, want := range ourAttributes() {
		have, there := r.GetCustomAttributes()[name]
		switch {
		case !there:
			a.Missing[name] = want
		case have != want:
			a.Mistyped = append(a.Mistyped, fmt.Sprintf("%s is %s, not %s", name, have, want))
		}
	}
	slices.Sort(a.Mistyped)
	// Without the right to describe the namespace, no slots are counted.
	if d, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace}); err == nil {
		a.Slots = slotsOf(d.GetConfig().GetCustomSearchAttributeAliases())
	}
	a.spareParties()
	return a, nil
}

// spareParties drops PartyHash from the missing attributes if it has no free slot.
func (a *Attributes) spareParties() {
	name := calls.AttributePartyHash.GetName()
	kind, lacks := a.Missing[name]
	wanted := 0
	for _, other := range a.Missing {
		if other == kind {
			wanted++
		}
	}
	if !lacks || a.Slots == nil || len(a.Slots[kind])+wanted <= columns[kind] {
		return
	}
	delete(a.Missing, name)
	a.NoParties = fmt.Sprintf("%s has no slot: %d of %d of type %s are taken, by %s", name, len(a.Slots[kind]), columns[kind], kind,
		strings.Join(slices.Sorted(slices.Values(a.Slots[kind])), ", "))
}

func ourAttributes() map[string]enumspb.IndexedValueType {
	all := map[string]enumspb.IndexedValueType{}
	for _, key := range calls.SearchAttributes() {
		all[key.GetName()] = key.GetValueType()
	}
	return all
}

// attributes registers missing attributes. Without the right to list them it registers all again, which is harmless.
func (s setup) attributes() error {
	var found Attributes
	err := s.patiently(func() (err error) {
		found, err = CheckAttributes(s.ctx, s.c, s.namespace)
		return err
	})
	unseen := NotAllowed(err)
	if err != nil && !unseen {
		return fmt.Errorf("search attributes: %w", err)
	}
	if unseen {
		found.Missing = ourAttributes()
	}
	if len(found.Mistyped) > 0 {
		s.left("search attributes: remove these and run setup again: " + strings.Join(found.Mistyped, ", "))
	}
	if len(found.Missing) > 0 {
		err := s.patiently(func() error {
			_, err := s.c.OperatorService().AddSearchAttributes(s.ctx, &operatorservice.AddSearchAttributesRequest{
				Namespace: s.namespace, SearchAttributes: found.Missing,
			})
			return err
		})
		if err != nil {
			add := "search attributes: add " + strings.Join(described(found.Missing), ", ")
			if full := found.Slots.lacking(found.Missing); full != "" {
				add += "; but " + full
			}
			s.left(add)
			if unseen && NotAllowed(err) {
				return nil // they may well exist: we are not allowed to look
			}
			return fmt.Errorf("search attributes: %w", err)
		}
		s.reportf("search attributes: %d registered", len(found.Missing))
		found.Missing = nil
	} else if found.NoParties == "" && found.Err() == nil {
		s.report(strings.TrimSuffix("search attributes: exist; slots of SQL visibility in use: "+found.Slots.String(), "; slots of SQL visibility in use: "))
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("search attributes: %w", err)
	}
	if found.NoParties != "" {
		s.report("search attributes: there, but " + found.NoParties + "; aftercall erase opens every workflow instead")
	}
	return nil
}

func described(attributes map[string]enumspb.IndexedValueType) []string {
	var out []string
	for name, kind := range attributes {
		out = append(out, kind.String()+" "+name)
	}
	slices.Sort(out)
	return out
}
