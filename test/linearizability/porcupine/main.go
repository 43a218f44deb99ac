// Judges histories in JSON lines (see ../history.ts) with Porcupine, as a second opinion beside our own checker.
//
//	porcupine FILE...    prints one line per file: FILE linearizable|not-linearizable|undecided OPERATIONS
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	lineBytesMax = 1 << 20
	patience     = 5 * time.Minute
)

type record struct {
	Process  int             `json:"process"`
	Op       string          `json:"op"`
	Key      string          `json:"key"`
	Value    string          `json:"value"`
	Expected *string         `json:"expected"`
	Result   string          `json:"result"`
	Output   json.RawMessage `json:"output"`
	Start    int64           `json:"start"`
	End      int64           `json:"end"`
}

// A register that may be absent.
type value struct {
	present bool
	text    string
}

// What a call saw before it changed anything; known only when somebody got its answer.
type answer struct {
	known bool
	ok    bool
	seen  value
}

func valueOf(text *string) value {
	if text == nil {
		return value{}
	}
	return value{present: true, text: *text}
}

func step(state, input, output any) (bool, any) {
	before, call, got := state.(value), input.(record), output.(answer)
	if got.known && got.seen != before {
		return false, nil
	}
	switch call.Op {
	case "get":
		return true, before
	case "put":
		return true, value{present: true, text: call.Value}
	case "delete":
		return true, value{}
	case "cas":
		matches := valueOf(call.Expected) == before
		if got.known && got.ok != matches {
			return false, nil
		}
		if matches {
			return true, value{present: true, text: call.Value}
		}
		return true, before
	}
	return false, nil
}

func byKey(history []porcupine.Operation) [][]porcupine.Operation {
	groups := map[string][]porcupine.Operation{}
	for _, operation := range history {
		key := operation.Input.(record).Key
		groups[key] = append(groups[key], operation)
	}
	keys := make([]string, 0, len(groups))
	for key := range groups {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	parts := make([][]porcupine.Operation, 0, len(keys))
	for _, key := range keys {
		parts = append(parts, groups[key])
	}
	return parts
}

var model = porcupine.Model{
	Partition: byKey,
	Init:      func() any { return value{} },
	Step:      step,
}

// The calls that must be explained: without those that had no effect, and reads nobody got the answer of.
func operation(call record) (porcupine.Operation, bool, error) {
	result := porcupine.Operation{ClientId: call.Process, Input: call, Call: call.Start, Return: call.End}
	switch {
	case call.Result == "unknown":
		result.Return = math.MaxInt64
		result.Output = answer{}
		return result, call.Op != "get", nil
	case call.Output == nil && call.Result == "fail":
		return result, false, nil
	case call.Output == nil:
		return result, false, fmt.Errorf("an answered %s without output", call.Op)
	}
	var seen *string
	if err := json.Unmarshal(call.Output, &seen); err != nil {
		return result, false, err
	}
	result.Output = answer{known: true, ok: call.Result == "ok", seen: valueOf(seen)}
	return result, true, nil
}

func read(path string) ([]porcupine.Operation, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var history []porcupine.Operation
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, lineBytesMax)
	for number := 1; lines.Scan(); number++ {
		var call record
		if err := json.Unmarshal(lines.Bytes(), &call); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		one, counts, err := operation(call)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		if counts {
			history = append(history, one)
		}
	}
	return history, lines.Err()
}

func main() {
	verdicts := map[porcupine.CheckResult]string{
		porcupine.Ok: "linearizable", porcupine.Illegal: "not-linearizable", porcupine.Unknown: "undecided",
	}
	for _, path := range os.Args[1:] {
		history, err := read(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Println(path, verdicts[porcupine.CheckOperationsTimeout(model, history, patience)], len(history))
	}
}
