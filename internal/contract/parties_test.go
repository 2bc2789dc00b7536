package contract_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

func TestJoinParties(t *testing.T) {
	require.Empty(t, contract.JoinParties(nil, []string{}))
	require.Equal(t, []string{"a", "b", "c"}, contract.JoinParties([]string{"c", "a"}, []string{"b", "a"}))
	var some []string
	for i := range 42 {
		some = append(some, fmt.Sprintf("%032x", i))
	}
	most := contract.JoinParties(some)
	text, err := json.Marshal(most)
	require.NoError(t, err)
	require.Len(t, most, 42)
	require.LessOrEqual(t, len(text), 1500, "Temporal takes 2,048 bytes as one attribute")
	many := []string{calls.PartiesMany}
	require.Equal(t, many, contract.JoinParties(most, []string{"one more"}))
	require.Equal(t, many, contract.JoinParties(many, []string{"a"}), "whatever comes later")
	require.Empty(t, contract.PartyAttribute(nil))
}
