"""Once a segment has left this host, sends another in its name: inject.py FLAGS DISTANCE (a letter for each flag; from that sequence number)."""
import socket,struct,sys
F=dict(F=1,S=2,R=4,P=8,A=16)
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3))
s.settimeout(8)
while True:
    b,a=s.recvfrom(2000)
    if a[2]!=4 or b[12:14]!=b"\x08\x00" or b[23]!=6: continue   # outgoing
    ip=b[14:]; t=ip[20:]; sp,dp,seq,ack=struct.unpack("!HHII",t[:12]); src,dst=ip[12:16],ip[16:20]; break
seq=(seq+int(sys.argv[2]))%2**32; fl=sum(F[c] for c in sys.argv[1])
h=struct.pack("!HHIIBBHHH",sp,dp,seq,ack if fl&16 else 0,5<<4,fl,500,0,0)
ps=src+dst+struct.pack("!BBH",0,6,20); x=ps+h; t=sum(struct.unpack("!%dH"%(len(x)//2),x))
while t>>16: t=(t&0xffff)+(t>>16)
h=h[:16]+struct.pack("!H",~t&0xffff)+h[18:]
r=socket.socket(socket.AF_INET,socket.SOCK_RAW,6); r.sendto(h,(socket.inet_ntoa(dst),0)); print("sent",sp,dp,seq)
import time; time.sleep(1.5)
