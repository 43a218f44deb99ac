// Everything that can be compared, as text that is the same on both sides.
package main

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unsafe"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

var roles = map[raft.StateType]string{
	raft.StateFollower:     "follower",
	raft.StateCandidate:    "candidate",
	raft.StateLeader:       "leader",
	raft.StatePreCandidate: "pre-candidate",
}

var progressStates = map[tracker.StateType]string{
	tracker.StateProbe:     "probe",
	tracker.StateReplicate: "replicate",
	tracker.StateSnapshot:  "snapshot",
}

// field reads what the library keeps to itself.
func field[T any](of reflect.Value, path ...string) *T {
	for _, name := range path {
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		of = of.FieldByName(name)
	}
	return (*T)(unsafe.Pointer(of.UnsafeAddr()))
}

// pinTimeout replaces the election timeout that the library draws by chance.
func (m *member) pinTimeout(ticks int) {
	*field[int](reflect.ValueOf(m.node), "raft", "randomizedElectionTimeout") = ticks
}

func (m *member) log() []*pb.Entry {
	node := reflect.ValueOf(m.node)
	unstable := *field[[]*pb.Entry](node, "raft", "raftLog", "unstable", "entries")
	offset := *field[uint64](node, "raft", "raftLog", "unstable", "offset")
	if *field[*pb.Snapshot](node, "raft", "raftLog", "unstable", "snapshot") != nil {
		return unstable
	}
	first, _ := m.storage.FirstIndex()
	if offset <= first {
		return unstable
	}
	stable, err := m.storage.Entries(first, offset, noLimit)
	must(err)
	return append(stable[:len(stable):len(stable)], unstable...)
}

func (m *member) firstIndex() uint64 {
	snapshot := *field[*pb.Snapshot](reflect.ValueOf(m.node), "raft", "raftLog", "unstable", "snapshot")
	if snapshot != nil {
		return snapshot.GetMetadata().GetIndex() + 1
	}
	first, _ := m.storage.FirstIndex()
	return first
}

func (m *member) describe() string {
	if m.node == nil {
		return fmt.Sprintf("%d down", m.id)
	}
	status := m.node.Status()
	// The copy that the library gives out lacks it.
	status.Config.AutoLeave = *field[bool](reflect.ValueOf(m.node), "raft", "trk", "Config", "AutoLeave")
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s term=%d vote=%d lead=%d commit=%d applied=%d conf=%s first=%d log=[%s] work=%d/%d",
		m.id, roles[status.RaftState], status.GetTerm(), status.GetVote(), status.Lead, status.GetCommit(), status.Applied,
		describeTracked(status.Config), m.firstIndex(), describeEntries(m.log()), len(m.appendWork), len(m.applyWork))
	if status.RaftState == raft.StateLeader {
		fmt.Fprintf(&b, " transferee=%d", status.LeadTransferee)
		ids := make([]int, 0, len(status.Progress))
		for id := range status.Progress {
			ids = append(ids, int(id))
		}
		sort.Ints(ids)
		for _, id := range ids {
			if uint64(id) == m.id {
				continue
			}
			p := status.Progress[uint64(id)]
			fmt.Fprintf(&b, " {%d %s match=%d next=%d paused=%t active=%t flights=%d pending=%d}", id,
				progressStates[p.State], p.Match, p.Next, p.IsPaused(), p.RecentActive, p.Inflights.Count(), p.PendingSnapshot)
		}
	}
	return b.String()
}

func describeTracked(c tracker.Config) string {
	ids := func(set map[uint64]struct{}) []uint64 {
		list := make([]uint64, 0, len(set))
		for id := range set {
			list = append(list, id)
		}
		return list
	}
	return describeConf(&pb.ConfState{
		Voters: ids(c.Voters[0]), VotersOutgoing: ids(c.Voters[1]),
		Learners: ids(c.Learners), LearnersNext: ids(c.LearnersNext), AutoLeave: &c.AutoLeave,
	})
}

func describeConf(c *pb.ConfState) string {
	list := func(ids []uint64) string {
		sorted := append([]uint64(nil), ids...)
		sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
		texts := make([]string, len(sorted))
		for i, id := range sorted {
			texts[i] = strconv.FormatUint(id, 10)
		}
		return strings.Join(texts, ",")
	}
	return fmt.Sprintf("%s|%s|%s|%s|%t", list(c.GetVoters()), list(c.GetVotersOutgoing()), list(c.GetLearners()),
		list(c.GetLearnersNext()), c.GetAutoLeave())
}

func describeEntries(entries []*pb.Entry) string {
	texts := make([]string, len(entries))
	for i, entry := range entries {
		texts[i] = fmt.Sprintf("%d/%d:%s", entry.GetIndex(), entry.GetTerm(), describeData(entry))
	}
	return strings.Join(texts, " ")
}

func describeData(entry *pb.Entry) string {
	if change, ok := changeOf(entry); ok {
		return describeChange(change)
	}
	return string(entry.GetData())
}

var transitions = map[pb.ConfChangeTransition]string{
	pb.ConfChangeTransitionAuto:          "auto",
	pb.ConfChangeTransitionJointImplicit: "joint-implicit",
	pb.ConfChangeTransitionJointExplicit: "joint-explicit",
}

var changeTypes = map[pb.ConfChangeType]string{
	pb.ConfChangeAddNode:        "add-voter",
	pb.ConfChangeAddLearnerNode: "add-learner",
	pb.ConfChangeRemoveNode:     "remove",
}

func describeChange(change *pb.ConfChangeV2) string {
	text := "(" + transitions[change.GetTransition()]
	for _, one := range change.GetChanges() {
		text += fmt.Sprintf(" %s-%d", changeTypes[one.GetType()], one.GetNodeId())
	}
	return text + ")"
}

func describeMessage(m *pb.Message) string {
	text := fmt.Sprintf("t%d ", m.GetTerm())
	switch m.GetType() {
	case pb.MsgApp:
		return text + fmt.Sprintf("append prev=%d/%d commit=%d [%s]", m.GetIndex(), m.GetLogTerm(), m.GetCommit(),
			describeEntries(m.GetEntries()))
	case pb.MsgAppResp:
		if m.GetReject() {
			return text + fmt.Sprintf("reject index=%d hint=%d/%d", m.GetIndex(), m.GetRejectHint(), m.GetLogTerm())
		}
		return text + fmt.Sprintf("accept index=%d", m.GetIndex())
	case pb.MsgHeartbeat:
		return text + fmt.Sprintf("heartbeat commit=%d", m.GetCommit())
	case pb.MsgHeartbeatResp:
		return text + "heartbeat-response"
	case pb.MsgVote, pb.MsgPreVote:
		return text + fmt.Sprintf("vote-request pre=%t last=%d/%d transfer=%t", m.GetType() == pb.MsgPreVote, m.GetIndex(),
			m.GetLogTerm(), string(m.GetContext()) == "CampaignTransfer")
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		return text + fmt.Sprintf("vote-response pre=%t granted=%t", m.GetType() == pb.MsgPreVoteResp, !m.GetReject())
	case pb.MsgSnap:
		meta := m.GetSnapshot().GetMetadata()
		return text + fmt.Sprintf("snapshot %d/%d conf=%s", meta.GetIndex(), meta.GetTerm(), describeConf(meta.GetConfState()))
	case pb.MsgTimeoutNow:
		return text + "timeout-now"
	case pb.MsgTransferLeader:
		return text + fmt.Sprintf("transfer-leader to=%d", m.GetFrom())
	case pb.MsgReadIndex:
		return "read-index"
	case pb.MsgReadIndexResp:
		return text + fmt.Sprintf("read-index-response index=%d", m.GetIndex())
	}
	return text + m.GetType().String()
}
