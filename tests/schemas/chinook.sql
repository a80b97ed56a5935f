-- application: Chinook, a sample music shop (github.com/lerocha/chinook-database, MIT); shortened to structure
-- schema
CREATE TABLE Artist(ArtistId INTEGER NOT NULL, Name NVARCHAR(120), CONSTRAINT PK_Artist PRIMARY KEY (ArtistId));
CREATE TABLE Album(AlbumId INTEGER NOT NULL, Title NVARCHAR(160) NOT NULL, ArtistId INTEGER NOT NULL, CONSTRAINT PK_Album PRIMARY KEY (AlbumId),
  FOREIGN KEY (ArtistId) REFERENCES Artist (ArtistId) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE Genre(GenreId INTEGER NOT NULL, Name NVARCHAR(120), CONSTRAINT PK_Genre PRIMARY KEY (GenreId));
CREATE TABLE Track(TrackId INTEGER NOT NULL, Name NVARCHAR(200) NOT NULL, AlbumId INTEGER, GenreId INTEGER, Milliseconds INTEGER NOT NULL, UnitPrice NUMERIC(10,2) NOT NULL,
  CONSTRAINT PK_Track PRIMARY KEY (TrackId), FOREIGN KEY (AlbumId) REFERENCES Album (AlbumId) ON DELETE NO ACTION ON UPDATE NO ACTION,
  FOREIGN KEY (GenreId) REFERENCES Genre (GenreId) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE Employee(EmployeeId INTEGER NOT NULL, LastName NVARCHAR(20) NOT NULL, ReportsTo INTEGER, CONSTRAINT PK_Employee PRIMARY KEY (EmployeeId),
  FOREIGN KEY (ReportsTo) REFERENCES Employee (EmployeeId) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE Customer(CustomerId INTEGER NOT NULL, LastName NVARCHAR(20) NOT NULL, Email NVARCHAR(60) NOT NULL, SupportRepId INTEGER, CONSTRAINT PK_Customer PRIMARY KEY (CustomerId),
  FOREIGN KEY (SupportRepId) REFERENCES Employee (EmployeeId) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE Invoice(InvoiceId INTEGER NOT NULL, CustomerId INTEGER NOT NULL, InvoiceDate DATETIME NOT NULL, Total NUMERIC(10,2) NOT NULL, CONSTRAINT PK_Invoice PRIMARY KEY (InvoiceId),
  FOREIGN KEY (CustomerId) REFERENCES Customer (CustomerId) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE InvoiceLine(InvoiceLineId INTEGER NOT NULL, InvoiceId INTEGER NOT NULL, TrackId INTEGER NOT NULL, UnitPrice NUMERIC(10,2) NOT NULL, Quantity INTEGER NOT NULL,
  CONSTRAINT PK_InvoiceLine PRIMARY KEY (InvoiceLineId), FOREIGN KEY (InvoiceId) REFERENCES Invoice (InvoiceId), FOREIGN KEY (TrackId) REFERENCES Track (TrackId));
CREATE TABLE Playlist(PlaylistId INTEGER NOT NULL, Name NVARCHAR(120), CONSTRAINT PK_Playlist PRIMARY KEY (PlaylistId));
CREATE TABLE PlaylistTrack(PlaylistId INTEGER NOT NULL, TrackId INTEGER NOT NULL, CONSTRAINT PK_PlaylistTrack PRIMARY KEY (PlaylistId, TrackId),
  FOREIGN KEY (PlaylistId) REFERENCES Playlist (PlaylistId), FOREIGN KEY (TrackId) REFERENCES Track (TrackId));
CREATE INDEX IFK_AlbumArtistId ON Album (ArtistId);
CREATE INDEX IFK_InvoiceCustomerId ON Invoice (CustomerId);
CREATE INDEX IFK_InvoiceLineInvoiceId ON InvoiceLine (InvoiceId);
CREATE INDEX IFK_PlaylistTrackTrackId ON PlaylistTrack (TrackId);
INSERT INTO Genre VALUES (1, 'Rock'), (2, 'Jazz');
INSERT INTO Artist VALUES (1, 'AC/DC'), (2, 'Accept');
INSERT INTO Album VALUES (1, 'For Those About To Rock', 1), (2, 'Balls to the Wall', 2);
INSERT INTO Track VALUES (1, 'Put The Finger On You', 1, 1, 205662, 0.99), (2, 'Balls to the Wall', 2, 1, 342562, 0.99), (3, 'Evil Walks', 1, 1, 263497, 1.99);
INSERT INTO Employee VALUES (1, 'Adams', NULL), (2, 'Edwards', 1);
INSERT INTO Customer VALUES (1, 'Gonçalves', 'luisg@embraer.com.br', 2);
INSERT INTO Playlist VALUES (1, 'Music');
-- transaction: an album comes into the shop at both sites
1: INSERT INTO Artist(Name) VALUES ('Artist {n}')
1: INSERT INTO Album(Title, ArtistId) SELECT 'Album {n}', max(ArtistId) FROM Artist
1: INSERT INTO Track(Name, AlbumId, GenreId, Milliseconds, UnitPrice) SELECT 'Track {n}.' || t.TrackId, (SELECT max(AlbumId) FROM Album), 2, 1000 * {n}, 0.99 FROM Track t WHERE t.TrackId < 3
2: INSERT INTO Artist(Name) VALUES ('Artist {n}')
-- transaction: a sale, booked at the shop and at the warehouse
1: INSERT INTO Invoice(CustomerId, InvoiceDate, Total) VALUES (1, '2021-01-0{n} 00:00:00', 0)
1: INSERT INTO InvoiceLine(InvoiceId, TrackId, UnitPrice, Quantity) SELECT (SELECT max(InvoiceId) FROM Invoice), TrackId, UnitPrice, 1 FROM Track WHERE TrackId <= 3 RETURNING TrackId, UnitPrice
1: UPDATE Invoice SET Total = (SELECT sum(UnitPrice * Quantity) FROM InvoiceLine l WHERE l.InvoiceId = Invoice.InvoiceId) WHERE InvoiceId = (SELECT max(InvoiceId) FROM Invoice)
2: INSERT INTO Playlist(Name) VALUES ('sold in round {n}')
2: INSERT INTO PlaylistTrack SELECT max(PlaylistId), TrackId FROM Playlist, Track GROUP BY TrackId
-- transaction: a report
1: SELECT Customer.LastName, count(*), sum(Total) FROM Invoice JOIN Customer USING (CustomerId) GROUP BY 1 ORDER BY 3 DESC
2: SELECT p.Name, count(*) FROM Playlist p JOIN PlaylistTrack t USING (PlaylistId) GROUP BY 1 ORDER BY 2 DESC, 1
-- transaction, fails: an employee who still has customers cannot go
1: DELETE FROM Employee WHERE EmployeeId = 2
2: INSERT INTO Genre(Name) VALUES ('never {n}')
-- transaction: prices, and the list made anew
2: UPDATE Track SET UnitPrice = round(UnitPrice * 1.1, 2) WHERE GenreId = 1
2: DELETE FROM PlaylistTrack WHERE PlaylistId = 1
2: INSERT OR IGNORE INTO PlaylistTrack SELECT 1, TrackId FROM Track
1: UPDATE Employee SET ReportsTo = EmployeeId WHERE EmployeeId = 1
