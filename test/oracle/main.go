// A cluster of etcd's RawNodes that does what it is told: each line of input is a run, a configuration and all its events;
// each line of output says what the members looked like after each event.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"sort"
	"strings"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

const noLimit = math.MaxUint64

// run is a configuration and a schedule, as the harness sends it.
type run struct {
	Seed             int            `json:"seed"`
	Members          []uint64       `json:"members"`
	Voters           []uint64       `json:"voters"`
	ElectionTicks    int            `json:"electionTicks"`
	HeartbeatTicks   int            `json:"heartbeatTicks"`
	Timeouts         map[uint64]int `json:"timeouts"`
	PreVote          bool           `json:"preVote"`
	CheckQuorum      bool           `json:"checkQuorum"`
	Sync             bool           `json:"sync"`
	OneEntry         bool           `json:"oneEntry"`
	InflightMessages int            `json:"inflightMessages"`
	InflightBytes    uint64         `json:"inflightBytes"`
	UncommittedBytes uint64         `json:"uncommittedBytes"`
	Events           []event        `json:"events"`
	// Text asks for what is compared itself, where otherwise a hash of it is enough.
	Text bool `json:"text"`
}

func (r *run) messageBytes() uint64 {
	if r.OneEntry {
		return 0
	}
	return noLimit
}

type event struct {
	Op         string         `json:"op"`
	Node       uint64         `json:"node"`
	From       uint64         `json:"from"`
	To         uint64         `json:"to"`
	Position   int            `json:"position"`
	Keep       bool           `json:"keep"`
	Hold       bool           `json:"hold"`
	Count      int            `json:"count"`
	Index      uint64         `json:"index"`
	Through    uint64         `json:"through"`
	Data       []string       `json:"data"`
	Transition string         `json:"transition"`
	Changes    []memberChange `json:"changes"`
	Peer       uint64         `json:"peer"`
	Arrived    bool           `json:"arrived"`
}

type memberChange struct {
	Type string `json:"type"`
	ID   uint64 `json:"id"`
}

type answer struct {
	Seed   int      `json:"seed"`
	Hashes []uint32 `json:"hashes,omitempty"`
	Texts  []string `json:"texts,omitempty"`
	Panic  string   `json:"panic,omitempty"`
}

// world is the members and what is under way between them, in order for each pair.
type world struct {
	run     *run
	members map[uint64]*member
	flights map[[2]uint64][]*pb.Message
	sent    []flight
}

type flight struct {
	pair [2]uint64
	text string
}

func (w *world) send(from uint64, m *pb.Message) {
	pair := [2]uint64{from, m.GetTo()}
	w.flights[pair] = append(w.flights[pair], m)
	w.sent = append(w.sent, flight{pair, describeMessage(m)})
}

// take removes a message, or leaves it there to be delivered once more.
func (w *world) take(e event) *pb.Message {
	pair := [2]uint64{e.From, e.To}
	queue := w.flights[pair]
	if e.Position >= len(queue) {
		panic(fmt.Sprintf("no message %d from %d to %d", e.Position, e.From, e.To))
	}
	message := queue[e.Position]
	if !e.Keep {
		rest := append([]*pb.Message(nil), queue[:e.Position]...)
		w.flights[pair] = append(rest, queue[e.Position+1:]...)
	}
	return message
}

// do lets one event happen and returns the member it happened to, or nil when it was none.
func (w *world) do(e event) *member {
	m := w.members[e.Node]
	switch e.Op {
	case "deliver":
		m = w.members[e.To]
		_ = m.node.Step(proto.Clone(w.take(e)).(*pb.Message))
	case "drop":
		w.take(e)
		return nil
	case "compare":
		return nil
	case "tick":
		for range e.Count {
			m.node.Tick()
			m.pinTimeout(w.run.Timeouts[m.id])
		}
	case "campaign":
		_ = m.node.Campaign()
	case "propose":
		entries := make([]*pb.Entry, len(e.Data))
		for i, data := range e.Data {
			entries[i] = &pb.Entry{Data: []byte(data)}
		}
		_ = m.node.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: proto.Uint64(m.id), Entries: entries})
	case "change":
		_ = m.node.ProposeConfChange(changeFrom(e))
	case "persist":
		m.persist(w)
	case "apply":
		m.apply()
	case "crash":
		for range e.Count {
			m.write()
		}
		m.node = nil
		return m
	case "restart":
		m.start(w.run)
	case "compact":
		m.compact(e.Index, e.Through)
	case "transfer":
		m.node.TransferLeader(e.Peer)
	case "forget":
		_ = m.node.ForgetLeader()
	case "unreachable":
		m.node.ReportUnreachable(e.Peer)
	case "snapshot-reported":
		status := raft.SnapshotFailure
		if e.Arrived {
			status = raft.SnapshotFinish
		}
		m.node.ReportSnapshot(e.Peer, status)
	case "read":
		m.node.ReadIndex([]byte(e.Data[0]))
	default:
		panic("unknown event " + e.Op)
	}
	if !e.Hold {
		m.pump(w)
	}
	m.pinTimeout(w.run.Timeouts[m.id])
	return m
}

func changeFrom(e event) *pb.ConfChangeV2 {
	change := &pb.ConfChangeV2{}
	for transition, name := range transitions {
		if name == e.Transition {
			change.Transition = transition.Enum()
		}
	}
	for _, one := range e.Changes {
		for kind, name := range changeTypes {
			if name == one.Type {
				change.Changes = append(change.Changes, &pb.ConfChangeSingle{Type: kind.Enum(), NodeId: proto.Uint64(one.ID)})
			}
		}
	}
	return change
}

// observe says what can be seen after an event: the member it happened to and what it sent, or everything.
func (w *world) observe(m *member, e event) string {
	var lines []string
	if e.Op == "drop" {
		lines = append(lines, "lost")
	} else if e.Hold {
		lines = append(lines, fmt.Sprintf("%d is held", m.id))
	} else if m != nil {
		lines = append(lines, m.describe())
		for _, read := range m.reads {
			lines = append(lines, fmt.Sprintf("read %s index=%d", read.RequestCtx, read.Index))
		}
		m.reads = nil
	} else {
		for _, id := range w.run.Members {
			lines = append(lines, w.members[id].describe())
		}
	}
	sort.SliceStable(w.sent, func(i, j int) bool {
		a, b := w.sent[i].pair, w.sent[j].pair
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	for _, one := range w.sent {
		lines = append(lines, fmt.Sprintf("%d>%d %s", one.pair[0], one.pair[1], one.text))
	}
	w.sent = nil
	return strings.Join(lines, "\n")
}

func (r *run) play() (result answer) {
	result.Seed = r.Seed
	defer func() {
		if problem := recover(); problem != nil {
			result.Panic = fmt.Sprint(problem)
		}
	}()
	w := &world{run: r, members: map[uint64]*member{}, flights: map[[2]uint64][]*pb.Message{}}
	for _, id := range r.Members {
		w.members[id] = newMember(id, r)
		w.members[id].pinTimeout(r.Timeouts[id])
	}
	for _, e := range r.Events {
		text := w.observe(w.do(e), e)
		if r.Text {
			result.Texts = append(result.Texts, text)
			continue
		}
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(text))
		result.Hashes = append(result.Hashes, hash.Sum32())
	}
	return result
}

func main() {
	raft.SetLogger(silent{})
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	output := bufio.NewWriter(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var r run
		must(json.Unmarshal(line, &r))
		encoded, err := json.Marshal(r.play())
		must(err)
		_, _ = output.Write(append(encoded, '\n'))
		must(output.Flush())
	}
}
